/*
 * The vectors, run through whatever core it is given: in Node and in a browser the outcome must be the same.
 * Outcomes are 'ok' or the code of the error.
 */

/**
 * @param core what `stele/core` exports
 * @param ed25519 a verification of Ed25519
 * @param files the parsed vectors: `tree`, `inclusion`, `consistency` and `notes`
 */
export async function outcomes(core, ed25519, { tree, inclusion, consistency, notes }) {
  return {
    roots: rootsOf(core, tree),
    inclusion: await byKind(inclusion, (row) =>
      core.verifyInclusion(core.portableHasher, leafClaim(core, row)),
    ),
    consistency: await byKind(consistency, (row) =>
      core.verifyConsistency(core.portableHasher, treeClaim(core, row)),
    ),
    notes: await noteOutcomes(core, ed25519, notes),
  };
}

function rootsOf(core, { roots }) {
  let frontier = core.emptyFrontier;
  return roots.map(({ n }) => {
    const added = [];
    for (let i = frontier.size; i < n; i += 1) added.push(core.portableHasher.leafHash(bytesOf(String(i))));
    frontier = core.appendLeaves(core.portableHasher, frontier, added);
    return { n, root: core.formatHex(core.frontierRoot(core.portableHasher, frontier)) };
  });
}

async function byKind({ about: _, ...kinds }, check) {
  const rows = Object.entries(kinds).map(async ([kind, list]) => [kind, await outcomesOf(list, check)]);
  return Object.fromEntries(await Promise.all(rows));
}

function leafClaim({ parseHex }, { i, n, leaf, root, proof }) {
  return {
    index: i,
    size: n,
    leafHash: parseHex(leaf),
    root: parseHex(root),
    proof: proof.map((hash) => parseHex(hash)),
  };
}

function treeClaim({ parseHex }, { m, n, root1, root2, proof }) {
  const hashes = proof.map((hash) => parseHex(hash));
  return { oldSize: m, newSize: n, oldRoot: parseHex(root1), newRoot: parseHex(root2), proof: hashes };
}

async function noteOutcomes(core, ed25519, notes) {
  const log = core.createNoteVerifier(notes.keys[0].vkey, ed25519);
  return {
    notes: await outcomesOf(notes.note_cases, ({ note, note_base64 }) =>
      core.verifyNote(note ?? core.parseBase64(note_base64), [log]),
    ),
    vkeys: await outcomesOf(notes.vkey_cases, ({ key }) => core.parseVerifierKey(key)),
    texts: await outcomesOf(notes.checkpoint_text_cases, ({ text }) => core.parseCheckpoint(text)),
    checkpoints: await outcomesOf(notes.checkpoints, ({ note }) =>
      core.verifyCheckpoint(note, { origin: notes.keys[0].name, logVerifiers: [log] }),
    ),
  };
}

function outcomesOf(list, check) {
  return Promise.all(list.map((row) => outcomeOf(() => check(row))));
}

async function outcomeOf(run) {
  try {
    await run();
    return 'ok';
  } catch (error) {
    return error.code ?? String(error);
  }
}

function bytesOf(text) {
  return new TextEncoder().encode(text);
}

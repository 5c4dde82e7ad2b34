import { canonicalJson } from '../core/encoding/canonical-json.ts';
import type { JsonObject } from '../core/encoding/strict-json.ts';
import { portableEventHasher } from '../core/event/commitment.ts';
import { type Disclosure, provenEntry, readDisclosure, type SlotState } from '../core/event/disclosure.ts';
import { parseDisclosure } from '../core/event/disclosure-file.ts';
import { LEAF_TYPES } from '../core/event/leaf.ts';
import { SLOT_NAMES, type SlotName } from '../core/event/slots.ts';
import type { Policy } from '../core/note/policy.ts';
import type { PolicyCheckpoint } from '../core/note/policy-checkpoint.ts';
import type { CommandContext } from './context.ts';
import { headLights, isoTime, type Lights, linesOf } from './lights.ts';
import { acceptReceipt } from './proof-file.ts';
import { harmless, writeData, writeJson } from './terminal.ts';

/** A disclosure that is in the tree of a head. */
export interface ProvenDisclosure extends PolicyCheckpoint {
  readonly disclosure: Disclosure;
  readonly lights: Lights;
}

/** Checks a disclosure file offline. @throws TlogError as parseDisclosure and verifyDisclosure; then nothing is proven */
export async function proveDisclosure(text: string, policy: Policy): Promise<ProvenDisclosure> {
  const file = parseDisclosure(text);
  const entry = provenEntry(portableEventHasher, file);
  const accepted = await acceptReceipt(file.receipt, { policy, entry });
  const isShown = slotsThatAre('withheld', file.disclosure).length < SLOT_NAMES.length;
  const payload = isShown ? 'verified' : 'not shown';
  const lights = { signature: 'verified', inclusion: 'verified', payload, ...headLights(accepted, policy) };
  return { ...accepted, disclosure: file.disclosure, lights };
}

/** Prints what is shown of an event, and what was checked. @throws WriteError */
export async function writeDisclosure(
  context: CommandContext,
  { disclosure, lights, checkpoint: { origin, size }, cosigned }: ProvenDisclosure,
): Promise<void> {
  const { leafIndex: index, labels = {} } = disclosure;
  const type = String(LEAF_TYPES[disclosure.type]);
  const received = isoTime(disclosure.receivedMs);
  const { event } = readDisclosure(disclosure);
  const withheld = slotsThatAre('withheld', disclosure);
  if (context.json)
    return writeJson(context.terminal, {
      ...{ origin, index, treeSize: size, format: 'disclosure', type, received, labels, ...lights },
      withheld,
      empty: slotsThatAre('empty', disclosure),
      event,
      cosigned: cosigned.map(({ witness }) => witness),
    });
  const shown = harmless(canonicalJson(event as JsonObject));
  const head = `${origin}: ${type} ${index} of ${size}, received ${received}\n`;
  const hidden = withheld.length === 0 ? {} : { withheld: withheld.join(', ') };
  await writeData(context.terminal, `${head}${linesOf({ ...lights, ...hidden })}${shown}\n`);
}

function slotsThatAre(state: SlotState, disclosure: Disclosure): readonly SlotName[] {
  const { states } = readDisclosure(disclosure);
  return SLOT_NAMES.filter((name) => states[name] === state);
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  COSIGNATURE_V1,
  computeKeyId,
  formatVerifierKey,
  parseVerifierKey,
} from '../../src/core/note/key.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { type LogProcess, startLogProcess } from './log-process.ts';

const MODULE = 'test/interop/omniwitness';
const WITNESS = 'omniwitness.example/w';

/** The key that omniwitness cosigns with, from the plain key that it is given. */
function cosignerVkey(vkey: string): string {
  const { name, publicKey } = parseVerifierKey(vkey);
  const keyId = computeKeyId(name, COSIGNATURE_V1, publicKey);
  return formatVerifierKey({ name, type: COSIGNATURE_V1, publicKey, keyId });
}

describe.skipIf(goMissing() !== undefined)('WITNESSED-1 WITNESSED-4 omniwitness cosigns our log', () => {
  const key = generateSigningKey(systemRandom, WITNESS);
  const vkey = cosignerVkey(key.vkey);
  let omniwitness: GoTool;
  let opennote: GoTool;
  let witness: ChildProcess | undefined;
  let log: LogProcess;

  /** Starts it with one log that it knows; gives its address. */
  async function run(origin: string, logVkey: string): Promise<string> {
    const known = { Origin: origin, PublicKey: logVkey, URL: 'http://127.0.0.1:1/' };
    const args = [key.skey, JSON.stringify({ Logs: [known] })];
    witness = spawn(omniwitness.binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (witness.stdout === null) throw new TypeError('the process has no stdout');
    const [line] = await once(createInterface({ input: witness.stdout }), 'line');
    return String(line);
  }

  beforeAll(async () => {
    omniwitness = await buildGoTool('./witness', MODULE);
    opennote = await buildGoTool('./opennote', MODULE);
    log = await startLogProcess({
      policyOf: async ({ origin, vkey: logVkey }) =>
        `witness w ${vkey} ${await run(origin, logVkey)}\nquorum w\n`,
    });
  });
  afterAll(async () => {
    await log?.[Symbol.asyncDispose]();
    witness?.kill('SIGKILL');
    await omniwitness?.[Symbol.asyncDispose]();
    await opennote?.[Symbol.asyncDispose]();
  });

  /** The published checkpoint once it has a size, opened by Go's note package. */
  async function published(size: number): Promise<{ note: string; opened: string[] }> {
    for (;;) {
      const note = await (await fetch(`${log.url}/checkpoint`)).text();
      if (note.split('\n')[1] === `${size}`) {
        const { exitCode, stdout, stderr } = await opennote.run([log.vkey, vkey], note);
        expect(exitCode, stderr).toBe(0);
        return { note, opened: stdout.trimEnd().split('\n') };
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test.each([
    [1, 1],
    [300, 301],
    [1_000, 1_301],
  ])('%d entries more: size %d is published, and note.Open finds both signatures', async (count, size) => {
    await log.append(count);
    expect((await published(size)).opened).toEqual([`${size}`, log.origin, WITNESS]);
  });

  test('while it does not answer nothing newer is published, and then what it missed', async () => {
    witness?.kill('SIGSTOP');
    await log.append(5);
    const waiting = await (await fetch(`${log.url}/checkpoint`)).text();
    expect(waiting.split('\n')[1]).toBe('1301');
    witness?.kill('SIGCONT');
    expect((await published(1_306)).opened).toEqual(['1306', log.origin, WITNESS]);
  });

  test('ack=witnessed is answered with its cosignature', async () => {
    const answer = await fetch(`${log.url}/entries?ack=witnessed`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${log.token}`, 'Content-Type': 'application/octet-stream' },
      body: 'waited for',
    });
    const { checkpoint, treeSize }: { checkpoint: string; treeSize: number } = await answer.json();
    const { stdout } = await opennote.run([log.vkey, vkey], checkpoint);
    expect([answer.status, stdout]).toEqual([201, `${treeSize}\n${log.origin}\n${WITNESS}\n`]);
  });
});

import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogClient } from '../../src/client/client.ts';
import * as core from '../../src/core/core.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { type LogProcess, startLogProcess } from '../interop/log-process.ts';
import { chromiumMissing, launchChromium } from './chromium.ts';
import { type PageServer, servePage } from './page-server.ts';

const missing = await chromiumMissing();
let log: LogProcess;
let site: PageServer;
let browser: Browser;
let page: Page;
const faults: string[] = [];

/** What was opened, to be closed last first. */
const opened: AsyncDisposable[] = [];
function own<T extends AsyncDisposable>(part: T): T {
  opened.unshift(part);
  return part;
}

beforeAll(async () => {
  if (missing !== undefined) return;
  log = own(await startLogProcess());
  await log.append(700);
  site = own(await servePage(new URL(log.url).origin));
  browser = await launchChromium();
  own({ [Symbol.asyncDispose]: () => browser.close() });
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(site.origin);
  await page.waitForFunction('globalThis.page');
});
afterAll(async () => {
  for (const part of opened) await part[Symbol.asyncDispose]();
});

/** What a function of the page gives back; the code of a TlogError where it throws. */
async function inPage(name: string, argument?: unknown): Promise<unknown> {
  return page.evaluate(
    ([called, given]) => {
      const { page: functions } = globalThis as unknown as {
        page: Record<string, (given: unknown) => Promise<unknown>>;
      };
      const work = functions[called as string]?.(given);
      return work?.catch((error: { code?: string }) => {
        if (error.code === undefined) throw error;
        return { refused: error.code };
      });
    },
    [name, argument],
  );
}

describe.skipIf(missing !== undefined)('CLIENT-5 the built core and client in a browser', () => {
  describe.each(['json', 'cbor'])('read a log of another origin, as %s', (encoding) => {
    test('entries, proofs and checkpoints verify', async () => {
      const { url: logUrl, vkey, origin } = log;
      const followedFrom = (await inPage('open', { logUrl, vkey, encoding })) as { size: number };
      expect(followedFrom).toMatchObject({ origin });
      const { size } = followedFrom;
      expect(await inPage('get', 5)).toEqual({ entry: 'entry 5', index: 5, treeSize: size });
      const hashes = [0, 300, 699].map((i) => core.portableHasher.leafHash(Buffer.from(`entry ${i}`)));
      expect(await inPage('multi', [0, 300, 699])).toEqual(hashes.map(core.formatHex));
      const read = (await inPage('entries')) as string[];
      expect([read.length, read[0], read[699]]).toEqual([size, 'entry 0', 'entry 699']);
      await log.append(10);
      const followed = (await inPage('follow')) as { size: number; proof: number };
      expect(followed.size).toBe(size + 10);
      expect(followed.proof).toBeGreaterThan(0);
    });

    test('a receipt verifies for its entry and no other, and is upgraded', async () => {
      const { url: logUrl, vkey, token } = log;
      const trusted = { logUrl, token, trust: { vkey }, ed25519: ed25519Verify };
      const { receipt } = await new LogClient(trusted).append(Buffer.from('mine'));
      const kept = core.formatReceipt(receipt);
      await inPage('open', { logUrl, vkey, encoding });
      expect(await inPage('verify', { receipt: kept, entry: 'mine' })).toBe(receipt.treeSize);
      expect(await inPage('verify', { receipt: kept, entry: 'yours' })).toEqual({
        refused: 'entry_mismatch',
      });
      await log.append(1);
      const upgraded = core.parseReceipt(JSON.parse(String(await inPage('upgrade', kept))));
      expect(upgraded).toMatchObject({ index: receipt.index, treeSize: receipt.treeSize + 1 });
    });
  });

  test('another key is refused', async () => {
    const { vkey } = generateSigningKey(systemRandom, log.origin);
    expect(await inPage('open', { logUrl: log.url, vkey })).toEqual({ refused: 'unverified_note' });
  });

  test('HTTP-27 a page appends to its own origin and not to another', async () => {
    const { vkey, token } = log;
    await inPage('open', { logUrl: `${site.origin}/logs/main`, vkey });
    const before = (await inPage('follow')) as { size: number };
    // Reads carry the token, too, and no preflight is granted to them elsewhere.
    await inPage('open', { logUrl: `${site.origin}/logs/main`, vkey, token });
    expect(await inPage('append', 'from a page')).toEqual({ index: before.size, isNew: true });
    expect(await inPage('open', { logUrl: log.url, vkey, token })).toEqual({ refused: 'unreachable' });
    expect(await inPage('open', { logUrl: log.url, vkey })).toMatchObject({ size: before.size + 1 });
    expect(await inPage('append', 'from elsewhere')).toEqual({ refused: 'unreachable' });
    expect(await inPage('follow')).toMatchObject({ size: before.size + 1 });
  });

  test('trees, proofs and notes have the outcomes that they have in Node', async () => {
    const files = Object.fromEntries(
      ['tree', 'inclusion', 'consistency', 'notes'].map((name) => [
        name,
        JSON.parse(readFileSync(`spec/vectors/${name}.json`, 'utf8')),
      ]),
    );
    const { outcomes } = await import(new URL('./vectors.mjs', import.meta.url).href);
    const here = await outcomes(core, ed25519Verify, files);
    expect(await inPage('vectors')).toEqual(here);
    expect(here.roots).toEqual(files['tree'].roots);
    for (const { valid, invalid } of [here.inclusion, here.consistency]) {
      expect([new Set(valid), invalid.includes('ok'), invalid.length > 200]).toEqual([
        new Set(['ok']),
        false,
        true,
      ]);
    }
    expect(new Set(here.notes.checkpoints)).toEqual(new Set(['ok']));
    expect(here.notes.notes).toContain('bad_signature');
  });

  test('nothing went wrong beside', () => {
    expect(faults).toEqual([]);
  });
});

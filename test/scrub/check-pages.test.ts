import { describe, expect, test } from 'vitest';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { LogPass, newPass } from '../../src/scrub/pass.ts';
import { contentHash } from '../../src/sequencer/content-hash.ts';
import { retryKey } from '../../src/store/rows.ts';
import { fill, flipped, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';

/** Behind the index of the first entry and the number of entries. */
const CONTENT_AT = 10;

describe('SCRUB-1 the first retry key of a page', () => {
  test('is compared with the entries that it names, and both hashes are told', async () => {
    const { log, change } = await rottingLog();
    await fill(log, 0, 3, true);
    const key = retryKey(retryKeyNumber(0));
    await change(key, (value) => flipped(value, CONTENT_AT));
    const pass = new LogPass(log.stored(), nodeHasher);
    const { damages } = await pass.step({ ...newPass(3, 0), phase: 'retries' });
    const hash = contentHash(['entry 0', 'entry 1', 'entry 2'].map((entry) => Buffer.from(entry)));
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    expect(damages).toMatchObject([{ expected: hex(hash), actual: hex(flipped(hash, 0)) }]);
  });
});

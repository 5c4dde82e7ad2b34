import { describe, expect, test } from 'vitest';
import { parseHex } from '../../src/core/encoding/hex.ts';
import { parseDisclosure } from '../../src/core/event/disclosure-file.ts';
import { eventVectors } from '../core/event/vectors.ts';
import { servedLog } from '../support/served-logs.ts';

describe('EVENT-11 CLIENT-6 the disclosure of an event', () => {
  test('is verified against the tree that the client knows', async () => {
    const client = (await servedLog(3)).client();
    const { receipt } = await client.append(parseHex(eventVectors.leaves[0]?.entry ?? ''));
    const file = parseDisclosure(JSON.stringify(eventVectors.disclosures[1]?.file));
    const disclosure = { ...file.disclosure, leafIndex: receipt.index };
    expect(await client.verifyDisclosure({ disclosure, receipt })).toMatchObject({ size: 4 });
    const refused = (changed: object) =>
      client.verifyDisclosure({ disclosure: { ...disclosure, ...changed }, receipt });
    await expect(refused({ receivedMs: 1 })).rejects.toMatchObject({ code: 'entry_mismatch' });
    await expect(refused({ leafIndex: 0 })).rejects.toMatchObject({ code: 'entry_mismatch' });
    // The vectors are of another log.
    await expect(client.verifyDisclosure(file)).rejects.toMatchObject({ kind: 'verification' });
  });
});

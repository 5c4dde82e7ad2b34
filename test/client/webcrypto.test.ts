import { describe, expect, test } from 'vitest';
import { webCryptoEd25519 } from '../../src/client/webcrypto.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { systemRandom } from '../../src/runtime/random.ts';

describe('CLIENT-5 WebCrypto checks Ed25519', () => {
  test('a signature holds for its message and key alone', async () => {
    const { skey, vkey } = generateSigningKey(systemRandom, 'log.example');
    const message = new TextEncoder().encode('text\n');
    const signature = await createSigner(skey).sign(message);
    const { publicKey } = parseVerifierKey(vkey);
    const other = parseVerifierKey(generateSigningKey(systemRandom, 'log.example').vkey).publicKey;
    expect(await webCryptoEd25519(publicKey, message, signature)).toBe(true);
    expect(await webCryptoEd25519(publicKey, message, signature)).toBe(true);
    expect(await webCryptoEd25519(other, message, signature)).toBe(false);
    expect(await webCryptoEd25519(publicKey, message.slice(1), signature)).toBe(false);
    expect(await webCryptoEd25519(publicKey, message, signature.slice(1))).toBe(false);
  });

  test('bytes that are no key are refused', async () => {
    await expect(webCryptoEd25519(new Uint8Array(31), new Uint8Array(), new Uint8Array(64))).rejects.toThrow(
      TypeError,
    );
  });
});

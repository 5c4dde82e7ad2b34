import type { Ed25519Verify } from '../core/note/verifier.ts';

const ED25519 = 'Ed25519';

/** Ed25519 verification on the platform's WebCrypto. @throws TypeError where the platform has none: inject another */
export const webCryptoEd25519: Ed25519Verify = async (publicKey, message, signature) => {
  const key = await cryptoKey(publicKey);
  return crypto.subtle.verify(ED25519, key, new Uint8Array(signature), new Uint8Array(message));
};

/** Importing a key costs as much as a verification, so it is kept as long as the bytes of the key. */
const imported = new WeakMap<Uint8Array, Promise<CryptoKey>>();

function cryptoKey(publicKey: Uint8Array): Promise<CryptoKey> {
  const known = imported.get(publicKey) ?? importKey(publicKey);
  imported.set(publicKey, known);
  return known;
}

async function importKey(publicKey: Uint8Array): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey('raw', new Uint8Array(publicKey), ED25519, false, ['verify']);
  } catch (cause) {
    throw new TypeError('this platform cannot verify Ed25519: give the client an `ed25519`', { cause });
  }
}

import { formatHex } from '../encoding/hex.ts';
import { TlogError } from '../error.ts';

const FIELD = 2n ** 255n - 19n;

/** y coordinates of the points whose order divides 8: under such a key one signature fits every message. */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** Refuses keys of wrong length, of small order, or not in canonical form. @throws TlogError malformed_key, weak_key */
export function checkEd25519PublicKey(publicKey: Uint8Array): void {
  if (publicKey.length !== 32)
    throw new TlogError('malformed_key', `Ed25519 key of ${publicKey.length} bytes`);
  const y = publicKey.slice();
  y[31] = (y[31] ?? 0) % 128;
  if (BigInt(`0x${formatHex(y.slice().reverse())}`) >= FIELD)
    throw new TlogError('weak_key', 'Ed25519 key not in canonical form');
  if (SMALL_ORDER_Y.has(formatHex(y)))
    throw new TlogError('weak_key', 'Ed25519 key of small order: it verifies any message');
}

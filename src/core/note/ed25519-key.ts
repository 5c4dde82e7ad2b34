import { formatHex } from '../encoding/hex.ts';
import { TlogError } from '../error.ts';

/** y of the 8 points of small order, most significant byte first. Either sign of x is refused. */
const P = 2n ** 255n - 19n;
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
]);

/**
 * Refuses Ed25519 public keys that verify signatures nobody made, or have two spellings (RFC 8032 5.1.3).
 * @throws TlogError malformed_key (not 32 bytes), weak_key (small order, or y not below 2^255 - 19)
 */
export function checkEd25519PublicKey(bytes: Uint8Array): void {
  if (bytes.length !== 32) throw new TlogError('malformed_key', 'an Ed25519 public key has 32 bytes');
  const y = BigInt(`0x${formatHex(Uint8Array.from(bytes).reverse())}`) % 2n ** 255n;
  if (y >= P || SMALL_ORDER_Y.has(y)) {
    throw new TlogError('weak_key', 'this Ed25519 key is of small order or not canonical: use another');
  }
}

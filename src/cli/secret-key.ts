import { createHmac } from 'node:crypto';

/**
 * An Idempotency-Key that stands for a text, in hex. Who reads what a log keeps cannot guess the text from it without the secret; a log
 * knows keys of one token only, so the access token serves.
 */
export function secretKey(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

import type { LogKind } from '../../src/sequencer/log.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Sent } from './target.ts';

/** What a client sends. */
export interface NewRequest extends Omit<Sent, 'index'> {
  readonly count: number;
}

const FILE_BYTES = 66_000;

/** The next request to a log of `size`. */
export function requestOf(kind: LogKind, size: number, random: SeededRandom): NewRequest {
  return kind === 'entries' ? entryRequest(size, random) : eventRequest(size, random);
}

function entryRequest(size: number, random: SeededRandom): NewRequest {
  const key = random.next() < 0.3 ? { key: `key-${size}` } : {};
  // One line: the body of a log of entries is sent as it is.
  const body = `${size} ${random.bytes(random.int(5, 100)).toString('hex')}`;
  return { body, ...key, count: 1 };
}

/** One event or many; some without ids and with a key, some with verbatim bytes. */
function eventRequest(size: number, random: SeededRandom): NewRequest {
  const count = random.next() < 0.5 ? 1 : random.int(2, 12);
  const isKeyed = random.next() < 0.3;
  const events = Array.from({ length: count }, (_, i) => ({
    ...(isKeyed ? {} : { id: `e${size + i}` }),
    ...{ time: '2050-01-01T00:00:00Z', action: 'item.read', outcome: 'success' },
    actor: { type: 'user', id: `u${random.int(0, 9)}` },
    source: { ip: '192.0.2.7', user_agent: random.bytes(random.int(1, 60)).toString('hex') },
    // The first has a file, so that there is one.
    ...rawOf(random, size + i === 0 ? 0 : random.next()),
  }));
  const key = isKeyed ? { key: `key-${size}` } : {};
  return { body: events.map((event) => JSON.stringify(event)).join('\n'), ...key, count };
}

function rawOf(random: SeededRandom, dice: number): object {
  if (dice >= 0.1) return {};
  const content = Buffer.alloc(dice < 0.04 ? FILE_BYTES : 90, random.bytes(16)).toString('base64');
  return { raw: { format: 'test', media_type: 'text/plain', content } };
}

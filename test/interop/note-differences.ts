import * as core from '../../src/core/core.ts';
import { log, other, signedNote } from './parser-cases.ts';
import { type Difference, isBeyond53, isLoose, rows, stricter, textOf, wider } from './parser-difference.ts';

const hash = core.formatBase64(core.portableHasher.emptyRoot);
/** One bit more behind the 32 bytes, where there should be none. */
const looseHash = hash.replace(/U=$/, 'V=');
const goSum = (size: string, root: string, rest = ''): string =>
  `go.sum database tree\n${size}\n${root}\n${rest}`;
const checkpoint = (size: string, root: string, rest = ''): string =>
  `log.example\n${size}\n${root}\n${rest}`;
const lineOf = (text: string, at: number): string => text.split('\n')[at] ?? '';

const TEXT = checkpoint('7', hash);
const whole = await signedNote(TEXT, [log]);
const looseNote = whole.replace(/(.)=\n$/, (_, last: string) => `${nextLetter(last)}=\n`);
const goodThenBad = await signedNote(TEXT, [log, log], 1);

/** The next letter of base64, which differs in the last bit alone. */
function nextLetter(letter: string): string {
  return String.fromCharCode(letter.charCodeAt(0) + 1);
}

/** Where notes and checkpoints are read otherwise than by golang.org/x/mod and transparency-dev/formats. */
export const NOTE_DIFFERENCES: readonly Difference[] = [
  stricter(
    {
      name: 'base64 with spare bits in a signature',
      why: 'Go takes several spellings of the same bytes; here a signature has one',
      kinds: ['note'],
      shown: rows('note', looseNote),
    },
    'malformed_note',
    (text) =>
      text.split('\n').some((line) => line.startsWith('\u2014 ') && isLoose(line.split(' ')[2] ?? '')),
  ),
  stricter(
    {
      name: 'a good line of a key, then a bad one of the same key',
      why: 'Go drops further lines of a key unchecked; here every line of a known key must hold',
      kinds: ['note'],
      shown: rows('note', goodThenBad),
    },
    'bad_signature',
    (text) => [log, other].some(({ name }) => text.split(`\u2014 ${name} `).length > 2),
  ),
  stricter(
    {
      name: 'a note of more than 1,000,000 bytes',
      why: 'Go has no limit of its own; here one note cannot ask for much work',
      kinds: ['note'],
      shown: rows('note', await signedNote(`${'x'.repeat(1_000_000)}\n`, [log])),
    },
    'malformed_note',
    (text) => Buffer.byteLength(text) > core.NOTE_BYTES_MAX,
  ),
  stricter(
    {
      name: 'a size above 2^53 - 1',
      why: 'sizes are exact numbers here, and larger ones are refused, never rounded',
      kinds: ['checkpoint', 'tree'],
      shown: [
        ...rows('checkpoint', checkpoint('9007199254740992', hash), checkpoint('18446744073709551615', hash)),
        ...rows('tree', goSum('9007199254740992', hash), goSum('9223372036854775807', hash)),
      ],
    },
    'malformed_checkpoint',
    (text) => isBeyond53(lineOf(text, 1)),
  ),
  stricter(
    {
      name: 'a size with leading zeros',
      why: 'the specification has one spelling of a size',
      kinds: ['checkpoint'],
      shown: rows('checkpoint', checkpoint('070', hash), checkpoint('00', hash)),
    },
    'malformed_checkpoint',
    (text) => /^0[0-9]+$/.test(lineOf(text, 1)),
  ),
  stricter(
    {
      name: 'a root hash that has not 32 bytes',
      why: 'the specification asks for 32',
      kinds: ['checkpoint'],
      shown: rows(
        'checkpoint',
        checkpoint('7', 'AAAA'),
        checkpoint('7', ''),
        checkpoint('7', 'ab'.repeat(32)),
      ),
    },
    'malformed_checkpoint',
    (text) => Buffer.from(lineOf(text, 2), 'base64').length !== core.HASH_BYTES,
  ),
  stricter(
    {
      name: 'a root hash in loose base64',
      why: 'Go takes spare bits and skips CR; here a root has one spelling',
      kinds: ['checkpoint', 'tree'],
      shown: [
        ...rows('checkpoint', checkpoint('7', looseHash), checkpoint('7', `${hash}\r`)),
        ...rows('tree', goSum('7', looseHash), goSum('7', `${hash}\r`)),
      ],
    },
    'malformed_checkpoint',
    (text) => isLoose(lineOf(text, 2)),
  ),
  stricter(
    {
      name: 'an empty extension line, or a last one without LF',
      why: 'Go gives what stands behind the root unread; the specification has lines, and none is empty',
      kinds: ['checkpoint', 'tree'],
      shown: [
        ...rows('checkpoint', checkpoint('7', hash, 'x\n\ny\n'), checkpoint('7', hash, 'x')),
        ...rows('tree', goSum('7', hash, '\n'), goSum('7', hash, 'x')),
      ],
    },
    'malformed_checkpoint',
    (text) => /^$|\n\n|[^\n]$/.test(`\n${text.split('\n').slice(3).join('\n')}`.replace(/^\n$/, 'none\n')),
  ),
  stricter(
    {
      name: 'an origin of more than 255 bytes',
      why: 'ML-DSA cosignatures hold no longer one',
      kinds: ['checkpoint'],
      shown: rows('checkpoint', `${'o'.repeat(256)}\n7\n${hash}\n`, `${'é'.repeat(128)}\n7\n${hash}\n`),
    },
    'malformed_checkpoint',
    (text) => Buffer.byteLength(lineOf(text, 0)) > core.ORIGIN_BYTES_MAX,
  ),
  wider(
    {
      name: 'an origin other than "go.sum database tree"',
      why: "tlog reads the go.sum database's trees alone; a checkpoint has any origin",
      kinds: ['tree'],
      shown: rows('tree', checkpoint('7', hash)),
    },
    ({ input }) => lineOf(textOf(input), 0) !== 'go.sum database tree',
  ),
];

import type { Terminal } from './terminal.ts';

const WIDTH = 30;

/** Shows how far a long work is; disposing wipes the line. */
export interface ProgressBar extends Disposable {
  /** Draws when a whole percent has been made. */
  show(done: number, total: number): void;
  /** Draws how many are done where nobody knows of how many. */
  count(done: number): void;
  /** Takes the line away, for data that go to the same terminal; what is drawn next is drawn anew. */
  wipe(): void;
}

/**
 * A bar on stderr when a person watches it, else nothing. Progress bars from packages take over stdin and the signals of
 * the process, which a bar has no need of.
 */
export function progressBar({ stderr, interactive }: Terminal, label: string): ProgressBar {
  let shown = '';
  const draw = (text: string): void => {
    if (!interactive || text === shown) return;
    shown = text;
    stderr.write(`\r${label} ${text}`);
  };
  const wipe = (): void => {
    if (shown !== '') stderr.write('\r\u001b[K');
    shown = '';
  };
  return {
    show: (done, total) => draw(bar(total === 0 ? 100 : Math.floor((done / total) * 100))),
    count: (done) => draw(`${done}`),
    wipe,
    [Symbol.dispose]: wipe,
  };
}

function bar(percent: number): string {
  const filled = '#'.repeat(Math.floor((percent * WIDTH) / 100)).padEnd(WIDTH, '.');
  return `[${filled}] ${percent}%`;
}

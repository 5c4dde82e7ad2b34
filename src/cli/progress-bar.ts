import type { Terminal } from './terminal.ts';

const WIDTH = 30;

/** Shows how far a long work is; disposing wipes the line. */
export interface ProgressBar extends Disposable {
  /** Draws when a whole percent has been made. */
  show(done: number, total: number): void;
}

/**
 * A bar on stderr when a person watches it, else nothing. The one of @clack/prompts takes over stdin and the signals of
 * the process, which a bar has no need of.
 */
export function progressBar({ stderr, interactive }: Terminal, label: string): ProgressBar {
  let shown = -1;
  return {
    show: (done, total) => {
      const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
      if (!interactive || percent === shown) return;
      shown = percent;
      const filled = '#'.repeat(Math.floor((percent * WIDTH) / 100)).padEnd(WIDTH, '.');
      stderr.write(`\r${label} [${filled}] ${percent}%`);
    },
    [Symbol.dispose]: () => {
      if (shown >= 0) stderr.write('\r\u001b[K');
    },
  };
}

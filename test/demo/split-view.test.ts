import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const run = promisify(execFile);

test(
  'npm run demo:split-view: a fork, its evidence, a webhook, and a conviction, by real processes',
  { timeout: 200_000 },
  async () => {
    const out = join('dist', `demo-${process.pid}`);
    onTestFinished(() => rm(out, { recursive: true, force: true }));
    const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [tsc, '-p', 'test/demo/tsconfig.json', '--outDir', out]);
    const { stdout } = await run(process.execPath, [join(out, 'test', 'demo', 'split-view.js')]);
    expect(stdout).toMatch(
      /webhook after .* fork of log\.example\/forking, sizes 310 and 320, signature right/,
    );
    expect(stdout).toMatch(/evidence: \S+\/evidence\/fork-\S+\.json/);
    expect(stdout).toContain(
      'cosigns the shared head (200) and one history (200), and refuses the other (422)',
    );
    expect(stdout).toMatch(/stele verify: log\.example\/forking: the log is convicted/);
  },
);

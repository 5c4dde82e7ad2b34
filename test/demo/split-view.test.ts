import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';

/** The command as a person types it, on the Node that runs this test. */
async function demo(): Promise<string> {
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  const env = { ...process.env, PATH };
  const { stdout } = await promisify(execFile)('npm', ['run', 'demo:split-view', '--', '--keep'], { env });
  return stdout;
}

test(
  'npm run demo:split-view: a fork, its evidence, a webhook, and a conviction, by real processes',
  { timeout: 200_000 },
  async () => {
    onTestFinished(() => rm('dist/demo', { recursive: true, force: true }));
    const said = await demo();
    const found = (what: RegExp): string => {
      const [, text] = what.exec(said) ?? [];
      if (text === undefined) throw new Error(`${what} is not in ${said}`);
      return text;
    };
    const kept = found(/kept: (\S+)/);
    onTestFinished(() => rm(kept, { recursive: true, force: true }));
    expect(said).toMatch(
      /webhook after .* fork of log\.example\/forking, sizes 310 and 320, signature right/,
    );
    expect(said).toContain(
      'cosigns the shared head (200) and one history (200), and refuses the other (422)',
    );
    expect(said).toMatch(/stele verify: log\.example\/forking: the log is convicted/);
    const file = found(/evidence: (\S+\/evidence\/fork-\S+\.json)/);
    expect(parseEvidence(await readFile(file, 'utf8'))).toMatchObject({
      accused: 'log',
      kind: 'not-a-prefix',
    });
  },
);

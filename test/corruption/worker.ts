import { readFile } from 'node:fs/promises';
import { fromJson } from './target.ts';
import { tryCopy } from './trial.ts';
import type { Asked } from './try-worker.ts';

/*
 * Tries the damaged copies that its parent names: LevelDB ends the whole process when it meets some rotten blocks.
 */

const [, , path = ''] = process.argv;
const targets = fromJson(await readFile(path, 'utf8'));

process.on('message', ({ copy, target, scrubs }: Asked) => {
  const tried = targets[target];
  if (tried === undefined) throw new RangeError(`no target ${target}`);
  tryCopy(copy, tried, { scrubs, onFsck: (fsck) => process.send?.({ fsck }) }).then(
    (trial) => process.send?.({ trial }),
    (error: unknown) => {
      process.stderr.write(`${(error as Error).stack}\n`);
      process.exit(1);
    },
  );
});
process.send?.({ ready: true });

import { readFile } from 'node:fs/promises';
import { fromJson } from './reference.ts';
import { tryCopy } from './trial.ts';

/*
 * Tries the damaged copies that its parent names: LevelDB ends the whole process when it meets some rotten blocks.
 */

const [, , path = ''] = process.argv;
const reference = fromJson(await readFile(path, 'utf8'));

process.on('message', (copy: string) => {
  tryCopy(copy, reference, (fsck) => process.send?.({ fsck })).then(
    (trial) => process.send?.({ trial }),
    (error: unknown) => {
      process.stderr.write(`${(error as Error).stack}\n`);
      process.exit(1);
    },
  );
});
process.send?.({ ready: true });

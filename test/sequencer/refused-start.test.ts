import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

describe('SEQ-7 what a refused start says', () => {
  test('a database that is open, and one that is damaged, each with the log and what to do', async () => {
    const dir = await newDataDirectory();
    const log = await openLog({ dir, clock: systemClock }, 'main');
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'data_locked',
      message: expect.stringMatching(/^log main: .* is in use by another process; stop it first$/),
    });
    await log.close();
    await rm(join(dir.dataPath, 'logs/main/db/CURRENT'));
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'data_damaged',
      message: expect.stringMatching(
        /^log main: cannot open the database at .*; keep a copy of data and guard, then run stele repair/,
      ),
    });
  });
});

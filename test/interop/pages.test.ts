import { test } from 'vitest';
import { runPage } from '../docs/page.ts';
import { goMissing } from './go-tool.ts';

test.skipIf(goMissing() !== undefined)('docs/how-to/check-with-other-tools.md', async () => {
  await runPage('docs/how-to/check-with-other-tools.md', 'dist');
});

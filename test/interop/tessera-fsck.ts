import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GoTool, ToolRun } from './go-tool.ts';

/** Tessera's own check of a tlog-tiles log, a main package of its module. */
export const TESSERA_FSCK = 'github.com/transparency-dev/tessera/cmd/fsck';

/** Runs it over HTTP or a `file:` URL. Its exit code is 0 even for a broken log: only `foundGood` says it is good. */
export async function tesseraFsck(
  tool: GoTool,
  log: { readonly origin: string; readonly vkey: string },
  storageUrl: string,
): Promise<ToolRun> {
  const key = join(tool.folder, 'vkey');
  await writeFile(key, log.vkey);
  const flags = ['--storage_url', storageUrl, '--origin', log.origin, '--public_key', key];
  // With few workers it hangs.
  return tool.run([...flags, '--ui=false', '--N', '256']);
}

/** What it says of a good log of this size. */
export function foundGood(size: number): string {
  return `Successfully fsck'd log with size ${size} `;
}

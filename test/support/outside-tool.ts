import { spawnSync } from 'node:child_process';

/** Why a program cannot be run here, or undefined. In CI a missing one is no excuse: what needs it runs, and fails. */
export function toolMissing(tool: string): string | undefined {
  const { status } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', tool], { stdio: 'ignore' });
  if (status === 0 || process.env['CI'] === 'true') return undefined;
  return `${tool} is not installed`;
}

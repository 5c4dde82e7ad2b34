import { access, constants } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';

const PATH: string = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** Why there is no browser to try things in; undefined when there is one. @throws Error in CI, where one must be */
export async function chromiumMissing(): Promise<string | undefined> {
  const isThere = await access(PATH, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return undefined;
  const reason = `no Chromium at ${PATH}: install it, or name it in CHROMIUM_PATH`;
  if (process.env['CI'] !== undefined) throw new Error(reason);
  console.warn(`skipped: ${reason}`);
  return reason;
}

/** The Chromium of the system. Without its sandbox, which needs rights that containers do not give. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: PATH, args: ['--no-sandbox'] });
}

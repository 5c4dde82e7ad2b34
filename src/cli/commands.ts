import { registerAppend } from './commands/append.ts';
import { registerGuard } from './commands/guard.ts';
import { registerRead } from './commands/read.ts';
import { registerToken } from './commands/token.ts';
import type { Register } from './context.ts';

/** Every command, in the order in which help lists them. */
export const commands: readonly Register[] = [registerAppend, registerRead, registerToken, registerGuard];

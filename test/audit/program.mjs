import { writeSync } from 'node:fs';

/*
 * An application as a process: `node program.mjs MODULE SERVER SPOOL TOKEN`. Tells events for ever and prints the id of each once
 * `audit` has returned, until somebody kills it.
 */

const [, , module, server, spool, token] = process.argv;
const { createAudit } = await import(module);
const { audit } = createAudit({ server, token, log: 'audit', spool, onError: () => undefined });

function tell(at) {
  for (let i = 0; i < 20; i += 1) {
    const { id } = audit({
      action: 'order.cancel',
      outcome: 'success',
      actor: { type: 'user', id: `u-${at}-${i}` },
    });
    writeSync(1, `${id}\n`);
  }
  setImmediate(tell, at + 1);
}
tell(0);

import { TrustedProxies } from '../http/client-address.ts';
import { ClientRates } from '../http/client-rates.ts';
import type { TokenSource } from '../http/tokens.ts';
import { WriteGate } from '../http/write-gate.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Config } from './config.ts';

/** What is before a log server: what looks at requests ahead of all else, and who is told of bugs there. @throws TlogError invalid_config */
export function doorsOf(
  { clientRate: perSec = 0, trustedProxies = [] }: Pick<Config, 'clientRate' | 'trustedProxies'>,
  { tokens, onBug }: { readonly tokens: TokenSource; onBug(thrown: unknown): void },
): { readonly gate: WriteGate; readonly rates: ClientRates | undefined; onBug(thrown: unknown): void } {
  const gate = new WriteGate();
  const proxies = new TrustedProxies(trustedProxies);
  if (perSec === 0) return { gate, rates: undefined, onBug };
  return { gate, rates: new ClientRates({ perSec, tokens, proxies, clock: systemClock }), onBug };
}

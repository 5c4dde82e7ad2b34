import { TrustedProxies } from '../http/client-address.ts';
import { ClientRates } from '../http/client-rates.ts';
import type { TokenSource } from '../http/tokens.ts';
import { WriteGate } from '../http/write-gate.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Config } from './config.ts';

/** What looks at the requests of a log server before anything of them is read. @throws TlogError invalid_config */
export function doorsOf(
  { clientRate: perSec = 0, trustedProxies = [] }: Pick<Config, 'clientRate' | 'trustedProxies'>,
  tokens: TokenSource,
): { readonly gate: WriteGate; readonly rates: ClientRates | undefined } {
  const gate = new WriteGate();
  const proxies = new TrustedProxies(trustedProxies);
  if (perSec === 0) return { gate, rates: undefined };
  return { gate, rates: new ClientRates({ perSec, tokens, proxies, clock: systemClock }) };
}

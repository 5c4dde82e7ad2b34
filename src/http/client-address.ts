import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { TlogError } from '../core/error.ts';

/** What of a request says where it came from. */
export interface Sender {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** The proxies whose word about a client's address counts. */
export class TrustedProxies {
  readonly #known = new BlockList();

  /** @param proxies IP addresses, and networks such as 10.0.0.0/8 @throws TlogError invalid_config */
  constructor(proxies: readonly string[]) {
    for (const proxy of proxies) this.#add(proxy);
  }

  #add(proxy: string): void {
    const [address = '', bits, ...rest] = proxy.split('/');
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    const isPlain = bits === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= most);
    if (family === 0 || !isPlain || rest.length > 0)
      throw new TlogError(
        'invalid_config',
        `trustedProxies: ${JSON.stringify(proxy)} is no address or network`,
      );
    this.#known.addSubnet(address, bits === undefined ? most : Number(bits), `ipv${family === 4 ? 4 : 6}`);
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#known.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }

  /**
   * The IP address that a request came from: that of the connection, or where that is a proxy of ours the last one in
   * X-Forwarded-For that is none. What stands before it is the client's word. Empty without a socket.
   */
  clientOf({ socket, headers }: Sender): string {
    let address = socket.remoteAddress ?? '';
    const claimed = `${headers['x-forwarded-for'] ?? ''}`.split(',');
    while (this.has(address)) {
      const before = claimed.pop()?.trim() ?? '';
      if (isIP(before) === 0) break;
      address = before;
    }
    return address;
  }
}

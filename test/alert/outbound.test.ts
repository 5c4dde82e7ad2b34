import { describe, expect, test } from 'vitest';
import { checkOutboundUrl, isPublicAddress, publicLookup, type Resolve } from '../../src/alert/outbound.ts';

describe('ALERT-8 what is on the public internet', () => {
  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '2606:4700::1111',
    '2001:4860:4860::8888',
    '3ffe::1',
  ])('%s is', (address) => expect(isPublicAddress(address)).toBe(true));

  test.each([
    ['0.0.0.0', 'this host'],
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.1', 'carrier NAT'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'link-local: metadata of a cloud'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.0.1', 'private'],
    ['198.18.0.1', 'benchmarks'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'IPv4 in IPv6'],
    ['::ffff:7f00:1', 'IPv4 in IPv6, in hex'],
    ['64:ff9b::a00:1', 'NAT64 of a private address'],
    ['2002:7f00:1::', '6to4 of loopback'],
    ['2001::1', 'Teredo'],
    ['2001:db8::1', 'documents'],
    ['fc00::1', 'unique local'],
    ['fd12::1', 'unique local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['ff02::1', 'multicast'],
    ['', 'nothing'],
    ['localhost', 'a name'],
    ['2130706433', 'a number that some take for 127.0.0.1'],
  ])('%s is not: %s', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each([
    ['https://hooks.example/a'],
    ['https://1.1.1.1/'],
    ['https://[2606:4700::1111]:8443/'],
  ])('a URL that may be asked: %s', (url) => expect(() => checkOutboundUrl(new URL(url))).not.toThrow());

  test.each([
    ['http://hooks.example/', 'not https'],
    ['https://127.0.0.1/', 'not a public'],
    ['https://0x7f.1/', 'not a public'],
    ['https://2130706433/', 'not a public'],
    ['https://[::1]/', 'not a public'],
    ['https://[::ffff:10.0.0.1]/', 'not a public'],
    ['https://user@hooks.example/', 'name or password'],
    ['https://user:pass@hooks.example/', 'name or password'],
  ])('a URL that must not be asked: %s', (url, why) =>
    expect(() => checkOutboundUrl(new URL(url))).toThrow(why));
});

function looked(resolve: Resolve, options: object): Promise<unknown> {
  return new Promise((done, fail) => {
    publicLookup(resolve)('a.example', options, (error, address, family) =>
      error ? fail(error) : done([address, family]),
    );
  });
}

describe('ALERT-8 what is connected to is what was looked at', () => {
  const v4 = { address: '1.1.1.1', family: 4 };
  const v6 = { address: '2606:4700::1', family: 6 };

  test('the name is asked for once, and the addresses are those that were checked', async () => {
    let asked = 0;
    const rebinding: Resolve = async () => {
      asked += 1;
      return asked === 1 ? [v4] : [{ address: '127.0.0.1', family: 4 }];
    };
    expect(await looked(rebinding, { all: true })).toEqual([[v4], undefined]);
    await expect(looked(rebinding, { all: true })).rejects.toMatchObject({ code: 'address_refused' });
    expect(asked).toBe(2);
  });

  test.each<[string, readonly { address: string; family: number }[], object, unknown]>([
    ['the first', [v4, v6], {}, ['1.1.1.1', 4]],
    ['of a family', [v4, v6], { family: 6 }, ['2606:4700::1', 6]],
    ['all', [v4, v6], { all: true }, [[v4, v6], undefined]],
  ])('gives %s', async (_, addresses, options, expected) =>
    expect(await looked(async () => addresses, options)).toEqual(expected));

  test.each<[string, readonly { address: string; family: number }[]]>([
    ['one private address among public ones', [v4, { address: '10.0.0.1', family: 4 }]],
    ['no address', []],
  ])('refuses %s', async (_, addresses) =>
    expect(looked(async () => addresses, { all: true })).rejects.toMatchObject({ code: 'address_refused' }));
});

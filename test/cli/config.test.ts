import { describe, expect, test } from 'vitest';
import {
  decideConfig,
  environmentSettings,
  flagSettings,
  mergeSettings,
  parseListen,
} from '../../src/cli/config.ts';
import { fileSettings } from '../../src/cli/config-file.ts';

const refused = expect.objectContaining({ code: 'invalid_config' });

describe('CLI-3 flag beats environment beats file beats default', () => {
  const flags = flagSettings({ listen: '127.0.0.1:1', json: true });
  const env = environmentSettings({
    STELE_LISTEN: '127.0.0.1:2',
    STELE_LOG: 'two',
    STELE_GUARD: '',
    PATH: 'x',
  });
  const file = fileSettings('listen: 127.0.0.1:3\nlog: three\nguard: /g3\n', 'config.yaml');

  test.each([
    [[flags, env, file], { listen: { host: '127.0.0.1', port: 1 }, log: 'two', guard: '/g3' }],
    [[env, file], { listen: { host: '127.0.0.1', port: 2 }, log: 'two', guard: '/g3' }],
    [[file], { listen: { host: '127.0.0.1', port: 3 }, log: 'three', guard: '/g3' }],
    [[], { data: './data', guard: './data.guard', log: 'main', server: 'http://127.0.0.1:8080' }],
  ])('%#', (sources, expected) => {
    expect(decideConfig(mergeSettings(...sources))).toMatchObject(expected);
  });

  test('a token file given by flag hides a token in the environment', () => {
    const merged = mergeSettings(flagSettings({ tokenFile: 'f' }), environmentSettings({ STELE_TOKEN: 't' }));
    expect(merged).toEqual({ tokenFile: 'f' });
    expect(() => flagSettings({ tokenFile: 'f', token: 't' })).toThrow(refused);
  });

  test('the guard lies beside the data unless told otherwise', () => {
    expect(decideConfig({ data: '/x/y/' }).guard).toBe('/x/y.guard');
  });
});

describe('CLI-4 a config file is strict', () => {
  test.each([
    ['', 'empty'],
    ['# nothing\n', 'a comment'],
    ['reserveBytes: 0\n', 'a number'],
    ['clientRate: 0\n', 'any number of requests'],
    ['clientRate: 1000000\n', 'the highest rate'],
    ['trustedProxies: [127.0.0.1, 10.0.0.0/8]\n', 'a list'],
    ['trustedProxies: []\n', 'an empty list'],
  ])('accepts %j: %s', (text) => {
    expect(() => fileSettings(text, 'f')).not.toThrow();
  });
  test.each([
    ['listn: x', 'unknown key'],
    ['ops_listen: 127.0.0.1:1', 'snake_case'],
    ['reserveBytes: "1"', 'text for a number'],
    ['reserveBytes: -1', 'negative'],
    ['clientRate: 1000001', 'no rate any more'],
    ['clientRate: 0.5', 'half a request'],
    ['trustedProxies: 127.0.0.1', 'one for a list'],
    ['log: Main', 'no log name'],
    ['server: ftp://x', 'no http'],
    ['token: stele_x', 'a secret in the file'],
    ['- a', 'a list'],
    ['a: [', 'no YAML'],
  ])('refuses %j: %s', (text) => {
    expect(() => fileSettings(text, 'f')).toThrow(refused);
  });
});

describe('CLI-5 addresses to listen on', () => {
  test.each([
    ['127.0.0.1:0', '127.0.0.1', 0],
    [':8080', '127.0.0.1', 8080],
    ['[::1]:65535', '::1', 65_535],
    ['localhost:80', 'localhost', 80],
  ])('accepts %j', (text, host, port) => expect(parseListen(text)).toEqual({ host, port }));
  test.each([[''], ['8080'], ['::1:80'], ['a:65536'], ['a:080'], ['a:'], ['a b:1']])('refuses %j', (text) => {
    expect(() => parseListen(text)).toThrow(refused);
  });
});

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

/** Every module that a file reaches, and the packages they name. Types are gone at run time and do not count. */
async function reached(file: string, found: { files: Set<string>; packages: Set<string> }): Promise<void> {
  if (found.files.has(file)) return;
  found.files.add(file);
  const text = await readFile(file, 'utf8');
  const names = [...text.matchAll(/^(?:import|export)(?! type)[^;]*?from '([^']+)'|\bimport\('([^']+)'\)/gm)];
  for (const match of names) {
    const name = match[1] ?? match[2] ?? '';
    if (name.startsWith('.')) await reached(join(dirname(file), name), found);
    else found.packages.add(name);
  }
}

test.each([
  ['src/core/core.ts', ['@noble/hashes/sha2.js', '@noble/hashes/sha3.js'], 35],
  ['src/client/client.ts', ['@noble/hashes/sha2.js', '@noble/hashes/sha3.js', 'cbor-x'], 55],
])('CLIENT-5 %s runs in a browser: it reaches %j alone', async (entry, packages, filesMin) => {
  const found = { files: new Set<string>(), packages: new Set<string>() };
  await reached(entry, found);
  expect([...found.packages].sort()).toEqual(packages);
  expect(found.files.size).toBeGreaterThan(filesMin);
  for (const file of found.files) {
    const code = (await readFile(file, 'utf8')).replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
    expect(code.match(/'node:|\bBuffer\b|\bprocess\.|\brequire\(/g) ?? [], file).toEqual([]);
  }
});

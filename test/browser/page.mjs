/* What the page can do; the test calls it from outside. Arguments and results are plain data. */
import { LogClient, webCryptoEd25519 } from 'stele/client';
import * as core from 'stele/core';
import { outcomes } from './vectors.mjs';

const texts = new TextDecoder();
let client;
let older;

globalThis.page = {
  /** Follows a log from now on. */
  async open({ logUrl, vkey, token, encoding }) {
    client = new LogClient({ logUrl, trust: { vkey }, encoding, triesMax: 1, ...(token ? { token } : {}) });
    older = (await client.checkpoint()).checkpoint;
    return { origin: client.origin, size: older.size };
  },
  async get(index) {
    const { entry, receipt } = await client.get(index);
    const { receipt: found } = await client.inclusion(receipt.leafHash);
    return { entry: texts.decode(entry), index: found.index, treeSize: receipt.treeSize };
  },
  async multi(indexes) {
    return (await client.multi(indexes)).leafHashes.map(core.formatHex);
  },
  async verify({ receipt, entry }) {
    const head = await client.verify(core.parseReceipt(JSON.parse(receipt)), { entry: bytesOf(entry) });
    return head.size;
  },
  async upgrade(receipt) {
    return core.formatReceipt(await client.upgrade(core.parseReceipt(JSON.parse(receipt))));
  },
  /** The head of now, and how many hashes prove that the one of `open` is a prefix of it. */
  async follow() {
    const { checkpoint } = await client.checkpoint();
    return { size: checkpoint.size, proof: (await client.consistency(older, checkpoint)).length };
  },
  async entries() {
    const read = [];
    for await (const { entry } of client.entries()) read.push(texts.decode(entry));
    return read;
  },
  async append(entry) {
    const { receipt, isNew } = await client.append(bytesOf(entry));
    return { index: receipt.index, isNew };
  },
  async vectors() {
    const names = ['tree', 'inclusion', 'consistency', 'notes'];
    const files = names.map(async (name) => [name, await (await fetch(`/spec/vectors/${name}.json`)).json()]);
    return outcomes(core, webCryptoEd25519, Object.fromEntries(await Promise.all(files)));
  },
};

function bytesOf(text) {
  return new TextEncoder().encode(text);
}

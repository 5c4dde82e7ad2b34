import { LRUCache } from 'lru-cache';
import type { TileNodes } from '../core/tile/tile-nodes.ts';

/** Full tiles kept in memory, all of a million entries: 9 KiB each as stored, up to 17 KiB as sealed or often asked, so at most 68 MiB. */
export const TILES_MAX = 4_096;

/** Room for tiles that the logs of a process share: a new tile takes the place of one of the log that was asked longest ago. */
export class TileMemory {
  readonly #max: number;
  readonly #caches: TileCache[] = [];
  #uses = 0;

  constructor(max: number = TILES_MAX) {
    this.#max = max;
  }

  /** The tiles of one more log. */
  cache(): TileCache {
    const cache = new TileCache(
      this.#max,
      () => {
        this.#uses += 1;
        return this.#uses;
      },
      () => this.#makeRoom(),
    );
    this.#caches.push(cache);
    return cache;
  }

  /** Tiles of all logs. */
  get size(): number {
    return this.#caches.reduce((total, { size }) => total + size, 0);
  }

  #makeRoom(): void {
    if (this.size < this.#max) return;
    const filled = this.#caches.filter(({ size }) => size > 0);
    filled.reduce((coldest, cache) => (cache.lastUse < coldest.lastUse ? cache : coldest)).drop();
  }
}

/** The tiles of one log that are in memory, by the number of their place. */
export class TileCache {
  readonly #tiles: LRUCache<number, TileNodes>;
  readonly #nextUse: () => number;
  readonly #makeRoom: () => void;
  #lastUse = 0;

  constructor(max: number, nextUse: () => number, makeRoom: () => void) {
    this.#tiles = new LRUCache({ max });
    this.#nextUse = nextUse;
    this.#makeRoom = makeRoom;
  }

  get size(): number {
    return this.#tiles.size;
  }

  /** When it was asked last, as a number that only grows. */
  get lastUse(): number {
    return this.#lastUse;
  }

  get(number: number): TileNodes | undefined {
    this.#lastUse = this.#nextUse();
    return this.#tiles.get(number);
  }

  set(number: number, nodes: TileNodes): void {
    this.#lastUse = this.#nextUse();
    if (!this.#tiles.has(number)) this.#makeRoom();
    this.#tiles.set(number, nodes);
  }

  /** Lets go of the tile that was asked longest ago. */
  drop(): void {
    this.#tiles.pop();
  }

  clear(): void {
    this.#tiles.clear();
  }
}

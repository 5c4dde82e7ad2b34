import { LRUCache } from 'lru-cache';
import type { KeptBundles, Log } from '../sequencer/log.ts';

/** Memory for bundles that pages are made of, of all logs and clients together. */
const BUNDLES_BYTES_MAX = 64 * 1024 * 1024;
/** A shorter one is read again for the few parts that are made of it. */
const LONG_BYTES = 1024 * 1024;

/**
 * Long bundles of which a page was sent in part, those that were read last: the parts are small, and for each 16 MiB would be
 * read and checked again. A page that waits for its client keeps none itself, so slow clients cannot make it more.
 */
export class PageBundles {
  readonly #kept: LRUCache<string, Uint8Array>;

  constructor(bytesMax: number = BUNDLES_BYTES_MAX) {
    this.#kept = new LRUCache({ maxSize: bytesMax, sizeCalculation: ({ buffer }) => buffer.byteLength });
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.#kept.calculatedSize;
  }

  /** Those of a log; undefined while it has damage: what is kept may have been read from rows that turned out to be wrong. */
  of({ name, findings }: Pick<Log, 'name' | 'findings'>): KeptBundles | undefined {
    if (findings.length > 0) return undefined;
    return {
      get: (index) => this.#kept.get(`${name}/${index}`),
      set: (index, bundle) => {
        if (bundle.length >= LONG_BYTES) this.#kept.set(`${name}/${index}`, bundle);
      },
    };
  }
}

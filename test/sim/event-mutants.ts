import type { EventKeeping } from '../../src/events/event-files.ts';
import type { Seeds } from '../../src/events/seeds.ts';
import type { OpenSlotFile, SlotFile } from '../../src/events/slot-file.ts';
import { LETTER } from '../../src/store/rows.ts';
import type { Store } from '../../src/store/store.ts';
import { type Mutant, overriding } from './mutants.ts';
import { Random } from './random.ts';
import type { Server } from './server.ts';

/** Files of seeds of which some calls go another way. */
function slots(change: (file: SlotFile, use: Parameters<OpenSlotFile>[1]) => Partial<SlotFile>) {
  return (open: OpenSlotFile): OpenSlotFile =>
    async (path, use) => {
      const file = await open(path, use);
      return { ...file, ...change(file, use) };
    };
}

/** Writes rows of a sort in a batch of their own, when the others are durable. */
function after(letter: number) {
  return (store: Store): Store =>
    overriding(store, {
      commit: async ({ puts, deletes }) => {
        const [late, first] = [true, false].map((is) => puts.filter(({ key }) => (key[0] === letter) === is));
        const done = await store.commit({ puts: first ?? [], deletes });
        return late?.length === 0 || done !== 'committed'
          ? done
          : store.commit({ puts: late ?? [], deletes: [] });
      },
    });
}

/** Finds no row of a sort when it is asked for many. */
function blindTo(letter: number) {
  return (store: Store): Store =>
    overriding(store, {
      getMany: async (keys) =>
        (await store.getMany(keys)).map((row, i) => (keys[i]?.[0] === letter ? undefined : row)),
    });
}

function keeping(change: (keeping: EventKeeping, server: Server) => Partial<EventKeeping>) {
  return (real: EventKeeping, server: Server): EventKeeping => ({ ...real, ...change(real, server) });
}

/** Counts slots from the start of the process. */
function fromTheStart(seeds: Seeds, server: Server): Seeds {
  const start = server.engine?.size() ?? 0;
  return overriding(seeds, {
    read: (from, to) => (from < start ? seeds.read(from, to) : seeds.read(from - start, to - start)),
  });
}

/** Bugs in what a log of events does beside its tree. The seed is one of such a log. */
export function eventMutants(): Mutant[] {
  const seams = (name: string, seed: number, part: NonNullable<Mutant['options']>['seams']): Mutant => ({
    name,
    seed,
    options: { seams: part ?? {} },
  });
  return [
    seams('seeds are not synced before their leaf', 3, {
      slots: slots(() => ({ sync: async () => undefined })),
    }),
    seams('seeds are believed that a failed sync has left', 35, {
      slots: slots((file, use) => (use === 'change' ? { write: async (bytes) => bytes.length } : file)),
    }),
    seams('two processes write seeds over each other', 563, {
      slots: (open) => (path) => open(path, 'change'),
    }),
    seams('seeds are taken from slots that were used before the start', 3, {
      keeping: keeping(({ seeds }, server) => ({ seeds: fromTheStart(seeds, server) })),
    }),
    seams('each start makes the same seeds', 3, {
      secrets: () => {
        const random = new Random(1);
        return (count) => random.bytes(count);
      },
    }),
    seams('a nonce is used again', 3, {
      keeping: keeping(({ random }) => ({
        random: (count) => (count === 12 ? new Uint8Array(12) : random(count)),
      })),
    }),
    seams('a seed that is lost is read all the same', 3, {
      keeping: keeping(({ seeds }) => ({ seeds: overriding(seeds, { has: () => true }) })),
    }),
    seams('a payload is written after its leaf', 43, { store: after(LETTER.payload) }),
    seams('an id is written after its leaf', 11, { store: after(LETTER.eventId) }),
    seams('ids are not looked up', 3, { store: blindTo(LETTER.eventId) }),
    seams('large verbatim bytes are not durable before their row', 131, {
      keeping: keeping(({ blobs }) => ({
        blobs: overriding(blobs, {
          write: async (name, bytes) => {
            blobs.write(name, bytes).catch(() => undefined);
          },
        }),
      })),
    }),
    { name: 'the event of an id answers for another', seed: 3, planted: { takesAnyEvent: true } },
  ];
}

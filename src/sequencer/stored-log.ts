import type { EventKeeping } from '../events/event-files.ts';
import type { Store } from '../store/store.ts';
import type { Damage } from './finding.ts';
import type { LogDescription } from './log.ts';
import type { PublishedTree } from './sequencer.ts';

/** What the rows of a log of events are opened and compared with. */
export interface StoredEvents extends Pick<EventKeeping, 'ids'> {
  readonly seeds: Pick<EventKeeping['seeds'], 'has' | 'read'>;
  readonly blobs: Pick<EventKeeping['blobs'], 'read'>;
}

/** A log as its rows lie on the disk, for who re-reads all of them. */
export interface StoredLog extends LogDescription {
  /** Rows as the engine has them: each value with its check behind, nothing of it checked. */
  readonly stored: Pick<Store, 'getMany' | 'iterate'>;
  /** In a log of events; without them its rows of events are passed over. */
  readonly events?: StoredEvents | undefined;
  /** The tree that readers see now; in memory, checked at the start and grown since. */
  tree(): PublishedTree;
  /** What is wrong is withheld from readers, and nothing is signed from now on. */
  report(damage: Damage): void;
}

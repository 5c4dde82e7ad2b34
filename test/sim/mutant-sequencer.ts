import type { TlogError } from '../../src/core/error.ts';
import type { Sequencer, SequencerDeps } from '../../src/sequencer/sequencer.ts';
import { decodeIndex, leafKey } from '../../src/store/rows.ts';
import type { Planted } from './mutants.ts';

type Make = typeof Sequencer;
type Tree = Sequencer['tree'];

/** A sequencer with a bug planted when it is made. */
export function planting(real: Make, planted: () => Planted): Make {
  function Planting(deps: SequencerDeps, tree: Tree): object {
    if (planted().goesOn !== undefined) return new GoingOn(real, deps, tree);
    return new real(planted().believesLeafIndex === undefined ? deps : believing(deps), tree);
  }
  return Planting as unknown as Make;
}

/** Believes what the leaf-hash index says, whatever the rest of the hash is. */
function believing(deps: SequencerDeps): SequencerDeps {
  return {
    ...deps,
    findLeaf: async (leafHash) => {
      const row = await deps.store.get(leafKey(leafHash));
      return row === undefined ? undefined : decodeIndex(row);
    },
  };
}

/** Takes a commit whose fate is unknown for one that failed: makes a new sequencer on the old tree, and never ends. */
class GoingOn {
  readonly failed: Promise<TlogError> = new Promise(() => {});
  readonly #make: () => Sequencer;
  #inner: Sequencer;

  constructor(real: Make, deps: SequencerDeps, tree: Tree) {
    let last = tree;
    this.#make = () => {
      const made = new real(deps, last);
      void made.failed.then(() => {
        last = made.tree;
        this.#inner = this.#make();
      });
      return made;
    };
    this.#inner = this.#make();
  }

  get tree(): Tree {
    return this.#inner.tree;
  }
  get queue(): Sequencer['queue'] {
    return this.#inner.queue;
  }
  get closing(): boolean {
    return this.#inner.closing;
  }
  get hasFailed(): boolean {
    return false;
  }
  admit(...args: Parameters<Sequencer['admit']>): void {
    this.#inner.admit(...args);
  }
  append(...args: Parameters<Sequencer['append']>): ReturnType<Sequencer['append']> {
    return this.#inner.append(...args);
  }
  refuseWaiting(...args: Parameters<Sequencer['refuseWaiting']>): void {
    this.#inner.refuseWaiting(...args);
  }
  close(): Promise<void> {
    return this.#inner.close();
  }
}

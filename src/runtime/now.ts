/** A value that is here at once where it can be: what is in memory needs no turn of the event loop. */
export type Now<T> = T | Promise<T>;

/** Goes on with a value, at once if it is here. (A module with an export named `then` could not be imported: it would pass for a promise.) */
export function andThen<A, B>(value: Now<A>, next: (value: A) => Now<B>): Now<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

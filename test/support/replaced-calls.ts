/** The object with some of its calls replaced; all others, and all state, stay those of the real one. */
export function replacing<T extends object>(real: T, calls: Partial<T>): T {
  return new Proxy(real, {
    get: (target, name) => {
      const found: unknown = Reflect.get(name in calls ? calls : target, name);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}

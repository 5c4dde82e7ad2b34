/** A value of JSON whose numbers are whole and within ±(2^53 − 1). */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Makes the error for what is wrong at a place, a JSON Pointer (RFC 6901). */
export type RefuseJson = (pointer: string, why: string) => Error;

/**
 * The value of JSON that every reader takes alike: each member of an object is there once, texts have no lone surrogate,
 * numbers are whole, within ±(2^53 − 1) and in plain digits (no fraction, exponent or −0), and objects and lists are
 * nested at most `depthMax` deep. A member may have any name, `__proto__` too. @throws what `refuse` makes
 */
export function parseStrictJson(text: string, depthMax: number, refuse: RefuseJson): JsonValue {
  return new StrictJson(text, depthMax, refuse, numberOf).whole();
}

/**
 * The same of other systems' JSON: numbers that are not read otherwise (fractions, exponents, −0, beyond 2^53 − 1) become texts in
 * their own spelling. @throws what `refuse` makes
 */
export function parseForeignJson(text: string, depthMax: number, refuse: RefuseJson): JsonValue {
  return new StrictJson(text, depthMax, refuse, numberOrText).whole();
}

/**
 * The items of a list, each as it is come to, with the place behind it: who reads a long one can do something else between. What is
 * wrong with the text shows when it is come to. @throws what `refuse` makes, as parseStrictJson
 */
export function strictListItems(
  text: string,
  depthMax: number,
  refuse: RefuseJson,
): Generator<{ readonly value: JsonValue; readonly end: number }> {
  return new StrictJson(text, depthMax, refuse, numberOf).items();
}

/** The pointer to a member of what `pointer` points to. */
export function pointerTo(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

const [QUOTE, COMMA, COLON, OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
];
const WORDS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** What ends a text or needs a look: a search that has a third of the loop's time, and an overhead that only long texts make up for. */
const NOT_PLAIN = /[^ !#-[\]-\ud7ff\ue000-\uffff]/g;
const LONG_UNITS = 256;

/** The value of a word that is none of WORDS; undefined refuses it. */
type ReadNumber = (word: string) => JsonValue | undefined;

/** Goes over a text once. */
class StrictJson {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #refuse: RefuseJson;
  readonly #readNumber: ReadNumber;
  /** Names and positions that lead to the value being read: as many as objects and lists are open around it. */
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string, depthMax: number, refuse: RefuseJson, readNumber: ReadNumber) {
    this.#text = text;
    this.#depthMax = depthMax;
    this.#refuse = refuse;
    this.#readNumber = readNumber;
  }

  whole(): JsonValue {
    const value = this.#value();
    this.#checkEnd();
    return value;
  }

  *items(): Generator<{ value: JsonValue; end: number }> {
    if (this.#next() !== OPEN_LIST) throw this.#fault('the list is missing');
    this.#open();
    for (let i = 0; !this.#isEnd(CLOSE_LIST, i === 0); i += 1) yield { value: this.#item(i), end: this.#at };
    this.#checkEnd();
  }

  #checkEnd(): void {
    if (!Number.isNaN(this.#next())) throw this.#fault('there is text behind its end');
  }

  #value(): JsonValue {
    const unit = this.#next();
    if (unit === QUOTE) return this.#string();
    if (unit === OPEN_OBJECT) return this.#object();
    if (unit === OPEN_LIST) return this.#list();
    return this.#word();
  }

  #object(): JsonObject {
    this.#open();
    const members: Record<string, JsonValue> = {};
    for (let isFirst = true; !this.#isEnd(CLOSE_OBJECT, isFirst); isFirst = false) {
      if (this.#next() !== QUOTE) throw this.#fault('the name of a member is missing');
      const name = this.#string();
      this.#path.push(name);
      if (Object.hasOwn(members, name)) throw this.#fault('this member is there twice');
      if (this.#next() !== COLON) throw this.#fault('the colon behind a name is missing');
      this.#at += 1;
      setMember(members, name, this.#value());
      this.#path.pop();
    }
    return members;
  }

  #list(): readonly JsonValue[] {
    this.#open();
    const items: JsonValue[] = [];
    while (!this.#isEnd(CLOSE_LIST, items.length === 0)) items.push(this.#item(items.length));
    return items;
  }

  #item(place: number): JsonValue {
    this.#path.push(place);
    const value = this.#value();
    this.#path.pop();
    return value;
  }

  #open(): void {
    if (this.#path.length >= this.#depthMax) throw this.#fault(`nested deeper than ${this.#depthMax}`);
    this.#at += 1;
  }

  /** Steps over what ends an object or list, or over the comma before what follows; the first has none. */
  #isEnd(close: number, isFirst: boolean): boolean {
    const unit = this.#next();
    if (unit !== close && isFirst) return false;
    if (unit !== close && unit !== COMMA) throw this.#fault('a comma or the end of it is missing');
    this.#at += 1;
    return unit === close;
  }

  #string(): string {
    const start = this.#at;
    let isPlain = true;
    for (let at = start + 1; at < this.#text.length; at += 1) {
      if (at === start + LONG_UNITS) at = this.#nextNotPlain(at);
      const unit = this.#text.charCodeAt(at);
      if (unit === QUOTE) {
        this.#at = at + 1;
        return isPlain ? this.#text.slice(start + 1, at) : this.#unescaped(start);
      }
      if (unit < 0x20) throw this.#fault('a text has a control character that is not escaped');
      if (unit === BACKSLASH) at += 1;
      if (unit === BACKSLASH || (unit >= 0xd800 && unit <= 0xdfff)) isPlain = false;
    }
    throw this.#fault('a text has no end');
  }

  #nextNotPlain(from: number): number {
    NOT_PLAIN.lastIndex = from;
    return NOT_PLAIN.exec(this.#text)?.index ?? this.#text.length;
  }

  /** The text between the quotes from `start` on, where something in it needs a second look. */
  #unescaped(start: number): string {
    let text: string;
    try {
      text = JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      throw this.#fault('a text has an escape that is none'); // SyntaxError is all that it throws
    }
    if (/\p{Surrogate}/u.test(text)) throw this.#fault('a text has half of a surrogate pair');
    return text;
  }

  #word(): JsonValue {
    const word = /[-+.\w]*/y;
    word.lastIndex = this.#at;
    const found = String(word.exec(this.#text));
    const known = WORDS.has(found) ? WORDS.get(found) : this.#readNumber(found);
    if (known === undefined) throw this.#fault(whyNot(found));
    this.#at += found.length;
    return known;
  }

  /** The next unit that is not space; NaN at the end. */
  #next(): number {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return unit;
      this.#at += 1;
    }
  }

  #fault(why: string): Error {
    return this.#refuse(this.#path.reduce<string>(pointerTo, ''), why);
  }
}

/** As JSON.parse does: `__proto__` is a member like any other. */
function setMember(members: Record<string, JsonValue>, name: string, value: JsonValue): void {
  if (name !== '__proto__') members[name] = value;
  else Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
}

function numberOf(word: string): number | undefined {
  const value = /^(?:0|-?[1-9][0-9]*)$/.test(word) ? Number(word) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

function numberOrText(word: string): JsonValue | undefined {
  return numberOf(word) ?? (NUMBER.test(word) ? word : undefined);
}

function whyNot(word: string): string {
  if (!/^-?[0-9]/.test(word)) return 'a value is missing, or is none of JSON';
  return 'numbers are whole, in plain digits and within ±(2^53 − 1): write others as a text';
}

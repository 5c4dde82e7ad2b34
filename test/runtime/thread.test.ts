import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { Thread } from '../../src/runtime/thread.ts';
import { compiledCli } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const COMPILED = join(dirname(compiledCli().main), '..');

/** A thread that runs this code with every question. */
async function thread<Answer>(code: string): Promise<Thread<Uint8Array, Answer>> {
  const path = join(await tempFolder(), 'thread.mjs');
  const modules = ['core/error', 'runtime/thread'].map((name) => pathToFileURL(join(COMPILED, `${name}.js`)));
  await writeFile(
    path,
    `import { parentPort } from 'node:worker_threads';
    import { TlogError } from '${modules[0]}';
    import { answerQuestions } from '${modules[1]}';
    answerQuestions(async (question) => { ${code} });`,
  );
  const started = new Thread<Uint8Array, Answer>(pathToFileURL(path));
  onTestFinished(() => started.close());
  return started;
}

const asked = (...bytes: number[]) => ({ value: Uint8Array.from(bytes), moved: [] });
/** What a promise comes to while nothing else is waited for. */
const now = (promise: Promise<unknown>): Promise<unknown> => Promise.race([promise, 'open']);

describe('a thread', () => {
  test('answers each question, in whatever order it does', async () => {
    const { ask, failed } = bound(
      await thread<number>(
        'await new Promise((done) => setTimeout(done, question[0])); return { value: question[1], moved: [] };',
      ),
    );
    const order: number[] = [];
    const answers = [
      [40, 1],
      [0, 2],
    ].map(async (question) => order.push(await ask(asked(...question))));
    await Promise.all(answers);
    expect([order, await now(failed)]).toEqual([[2, 1], 'open']);
  });

  test('is sent memory, which is gone here, and sends some', async () => {
    const { ask } = bound(await thread<Uint8Array>('return { value: question, moved: [question.buffer] };'));
    const value = Uint8Array.of(1, 2, 3);
    const answer = await ask({ value, moved: [value.buffer] });
    expect([value.length, [...answer]]).toEqual([0, [1, 2, 3]]);
  });

  test('has none of the flags of this one', async () => {
    const { ask } = bound(await thread<string[]>('return { value: process.execArgv, moved: [] };'));
    const before = process.execArgv;
    process.execArgv = ['--no-warnings'];
    const answer = ask(asked());
    process.execArgv = before;
    expect(await answer).toEqual([]);
  });

  test('refuses, and goes on', async () => {
    const { ask, failed } = bound(
      await thread<number>(
        `if (question[0] === 0) throw new TlogError('invalid_event', 'no', { details: { line: 7 } });
        if (question[0] === 1) throw new RangeError('a bug');
        return { value: 5, moved: [] };`,
      ),
    );
    const refusal = await ask(asked(0)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(TlogError);
    expect(refusal).toMatchObject({ code: 'invalid_event', message: 'no', details: { line: 7 } });
    await expect(ask(asked(1))).rejects.toMatchObject({ name: 'RangeError', message: 'a bug' });
    expect([await ask(asked(2)), await now(failed)]).toEqual([5, 'open']);
  });
});

describe('a thread that ends by itself', () => {
  test.each([
    ['with an error', "setImmediate(() => { throw new Error('gone'); }); await new Promise(() => {});"],
    ['without one', 'process.exit(0);'],
    ['with an answer that cannot be sent', 'return { value: () => 1, moved: [] };'],
    [
      'with a question that it cannot read',
      "setImmediate(() => parentPort.emit('messageerror', new Error('unread'))); await new Promise(() => {});",
    ],
  ])('%s refuses what waits and all that comes later, and says so', async (_, code) => {
    const { ask, failed } = bound(await thread(code));
    const ended = { name: 'TlogError', code: 'internal', message: expect.stringContaining('has ended') };
    const both = await Promise.allSettled([ask(asked()), ask(asked())]);
    expect(both).toMatchObject([{ reason: ended }, { reason: ended }]);
    await expect(ask(asked())).rejects.toMatchObject(ended);
    expect(await failed).toMatchObject(ended);
  });

  test('with an answer that cannot be read here', async () => {
    const { ask, failed } = bound(await thread('await new Promise(() => {});'));
    let worker: Worker | undefined;
    const posting = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker) {
      worker = this;
    });
    const waiting = ask(asked());
    posting.mockRestore();
    worker?.emit('messageerror', new Error('unread'));
    await expect(waiting).rejects.toMatchObject({ code: 'internal', cause: { message: 'unread' } });
    expect(await failed).toMatchObject({ code: 'internal' });
  });

  test('as it has no module, too', async () => {
    const { ask, failed } = bound(new Thread(new URL('none.js', pathToFileURL(await tempFolder()))));
    await expect(ask(asked())).rejects.toMatchObject({ code: 'internal' });
    expect(await failed).toMatchObject({ code: 'internal' });
  });
});

describe('a thread that is closed', () => {
  test('refuses what waits and what comes, and has not failed', async () => {
    const started = await thread('await new Promise(() => {});');
    const { ask, failed } = bound(started);
    const waiting = ask(asked());
    const closed = started.close();
    await expect(waiting).rejects.toMatchObject({ code: 'internal', message: 'the thread was closed' });
    await closed;
    await expect(ask(asked())).rejects.toMatchObject({ message: 'the thread was closed' });
    expect(await now(failed)).toBe('open');
  });

  test('and was never asked has none', async () => {
    const never = new Thread(new URL('none.js', pathToFileURL(await tempFolder())));
    await never.close();
    expect(await now(never.failed)).toBe('open');
  });
});

function bound<Answer>(thread: Thread<Uint8Array, Answer>) {
  return { failed: thread.failed, ask: (sent: Parameters<typeof thread.ask>[0]) => thread.ask(sent) };
}

"""One asyncio event loop in a thread of its own, for asynchronous handlers and ASGI."""

import asyncio
import threading

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, name="event-loop", daemon=True).start()


def run(awaitable):
    """Waits in this thread for what the awaitable gives in the loop's."""
    return asyncio.run_coroutine_threadsafe(_wrap(awaitable), loop).result()


def iterate(generator):
    """The values of an asynchronous generator, one by one, in this thread."""
    iterator = generator.__aiter__()
    try:
        while True:
            try:
                value = run(iterator.__anext__())
            except StopAsyncIteration:
                return
            yield value
    finally:
        if hasattr(iterator, "aclose"):
            run(iterator.aclose())


async def _wrap(awaitable):
    return await awaitable

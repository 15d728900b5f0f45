/** The content of one put, which can be given up while it is read. */
import type { Content } from './content.ts';
import { checkContent } from './read-content.ts';

/**
 * The content of a put, or a function that opens it when its turn has come. A function has the advantage that a content
 * is open only while it is sent, and that each try of an upload opens it anew.
 */
export type ContentSource = Content | (() => Content | Promise<Content>);

/**
 * Checks what is given as content. What a function answers is checked when it has opened it.
 *
 * @throws TypeError or RangeError when it is no content, and does not open one.
 */
export function checkSource(content: ContentSource): void {
  if (typeof content !== 'function') checkContent(content);
}

/** Makes a function that opens content that was checked. The result of a function is checked when it is opened. */
export function opener(content: ContentSource): () => Content | Promise<Content> {
  if (typeof content !== 'function') return () => content;
  return () => {
    const opened = content();
    return opened instanceof Promise ? opened.then(checkContent) : checkContent(opened);
  };
}

export interface HeldContent {
  readonly open: () => Content | Promise<Content>;
  /**
   * Closes content that can be read once only, whether or not the put has begun to read it; what is only being opened,
   * and all other content, is closed by whoever opens it.
   */
  readonly giveUp: () => void;
}

/** Holds the content of a put. Content that can be read once only is closed once, at the end of the put or when it is given up. */
export function holdContent(source: ContentSource): HeldContent {
  const open = opener(source);
  let held = typeof source !== 'function' && source.readOnce === true ? closingOnce(source) : null;
  const hold = (opened: Content): Content => {
    if (opened.readOnce !== true) return opened;
    held = closingOnce(opened);
    return held;
  };
  return {
    open: () => {
      if (held !== null) return held;
      const opened = open();
      return opened instanceof Promise ? opened.then(hold) : hold(opened);
    },
    giveUp: () => held?.close?.(),
  };
}

/** The same content, of which only the first `close` counts. */
function closingOnce(content: Content): Content {
  let isClosed = false;
  return readOnceAs(content, () => {
    if (isClosed) return;
    isClosed = true;
    content.close?.();
  });
}

/** Content that can be read once only, with another `close`; `began` is called before its bytes are first asked for. */
export function readOnceAs(content: Content, close: () => void, began: () => void = () => {}): Content {
  const { size, mtime, ctime } = content;
  return {
    size,
    ...(mtime === undefined ? {} : { mtime }),
    ...(ctime === undefined ? {} : { ctime }),
    readOnce: true,
    whenReady: (offset) => {
      began();
      return content.whenReady?.(offset);
    },
    read: (offset, into) => {
      began();
      return content.read(offset, into);
    },
    close,
  };
}

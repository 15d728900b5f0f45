/**
 * The part of the browser that the page uses. The types are written here, because TypeScript's own DOM types would
 * declare every global of a browser in all of Sluice.
 */

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface UiEvent {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly clientX: number;
  readonly clientY: number;
  readonly deltaX: number;
  readonly deltaY: number;
  readonly button: number;
  readonly pointerId: number;
  readonly target: unknown;
  preventDefault(): void;
}

export interface Element {
  id: string;
  className: string;
  textContent: string | null;
  hidden: boolean;
  title: string;
  type: string;
  value: string;
  disabled: boolean;
  readonly dataset: Record<string, string>;
  readonly style: Record<string, string>;
  readonly clientWidth: number;
  append(...nodes: (Element | string)[]): void;
  replaceChildren(...nodes: (Element | string)[]): void;
  setAttribute(name: string, value: string): void;
  addEventListener(
    type: string,
    listener: (event: UiEvent) => void,
    options?: { passive?: boolean; capture?: boolean },
  ): void;
  getBoundingClientRect(): Box;
  focus(options?: { preventScroll?: boolean }): void;
  select(): void;
  scrollIntoView(options: { block: 'nearest' }): void;
  setPointerCapture(id: number): void;
}

export interface Canvas extends Element {
  width: number;
  height: number;
  getContext(kind: '2d'): Pen;
}

/** A drawing context. */
export interface Pen {
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth: number;
  font: string;
  textBaseline: string;
  globalAlpha: number;
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void;
  setLineDash(dashes: number[]): void;
  createPattern(image: Canvas, repeat: string): unknown;
  clearRect(x: number, y: number, width: number, height: number): void;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { readonly width: number };
  beginPath(): void;
  closePath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  stroke(): void;
  fill(): void;
  save(): void;
  restore(): void;
  rect(x: number, y: number, width: number, height: number): void;
  clip(): void;
}

interface Browser {
  readonly document: {
    title: string;
    readonly body: Element;
    readonly documentElement: Element;
    readonly activeElement: unknown;
    getElementById(id: string): Element | null;
    createElement(name: string): Element;
    addEventListener(type: string, listener: (event: UiEvent) => void): void;
  };
  readonly devicePixelRatio: number;
  readonly getComputedStyle: (of: Element) => { getPropertyValue(name: string): string };
  readonly requestAnimationFrame: (then: () => void) => number;
  readonly addEventListener: (type: string, listener: () => void) => void;
  readonly matchMedia: (query: string) => {
    addEventListener(type: 'change', listener: () => void): void;
  };
  readonly atob: (base64: string) => string;
}

export const browser = globalThis as unknown as Browser;

/** The element of the page with this id. */
export const byId = (id: string): Element => browser.document.getElementById(id)!;

/** A new element with a class and text. */
export function element(name: string, className = '', text = ''): Element {
  const made = browser.document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}

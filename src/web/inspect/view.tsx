import type { Page } from '../shell/page.ts';

export function InspectView(_: { readonly page: Page }) {
  return <p class="hint centred">…</p>;
}

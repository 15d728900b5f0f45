/** The table of files in the page. */
import type { Page } from 'playwright-core';

export const names = (page: Page) => page.locator('.entry-name').allInnerTexts();
export const row = (page: Page, name: string) => page.locator(`tr[data-path="${name}"]`);
export const choose = (page: Page, name: string) => row(page, name).getByRole('checkbox').check();
export const shows = (page: Page, name: string) => row(page, name).waitFor();

/** The small pictures of buttons; what they mean is said in the buttons' labels. */
import type { ComponentChildren } from 'preact';

function Icon({ children }: { readonly children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const STROKE = {
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': 1.6,
  'stroke-linecap': 'round',
} as const;

export const PauseIcon = () => (
  <Icon>
    <path d="M5.5 3.5v9M10.5 3.5v9" {...STROKE} />
  </Icon>
);
export const GoOnIcon = () => (
  <Icon>
    <path d="M5 3.2v9.6L12.5 8z" fill="currentColor" />
  </Icon>
);
export const CancelIcon = () => (
  <Icon>
    <path d="M4 4l8 8M12 4l-8 8" {...STROKE} />
  </Icon>
);
export const AgainIcon = () => (
  <Icon>
    <path d="M12.5 8a4.5 4.5 0 1 1-1.4-3.3M11.5 2v3h-3" {...STROKE} />
  </Icon>
);
export const OpenIcon = ({ isOpen }: { readonly isOpen: boolean }) => (
  <Icon>
    <path d={isOpen ? 'M4 6l4 4 4-4' : 'M4 10l4-4 4 4'} {...STROKE} />
  </Icon>
);

import { signal } from '@preact/signals';

const notice = signal<{ readonly text: string; readonly id: number } | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says for some seconds what was done, to eyes and to screen readers. */
export function say(text: string): void {
  clearTimeout(timer);
  notice.value = { text, id: (notice.value?.id ?? 0) + 1 };
  timer = setTimeout(() => {
    notice.value = null;
  }, 6000);
}

export function Notice() {
  return (
    <div class="notice-place" role="status">
      {notice.value !== null && (
        <p class="notice" key={notice.value.id}>
          {notice.value.text}
        </p>
      )}
    </div>
  );
}

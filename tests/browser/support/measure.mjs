/* Measurements that run inside the page: they may use nothing from outside their own body. */

/* Contrast of every text that is shown, by the formula of WCAG 2, with translucent colours composed. */
export function contrasts(least) {
  const parse = (text) => {
    const n = text.match(/[\d.]+/gu).map(Number);
    return text.startsWith("color(srgb") ? [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1] : [n[0], n[1], n[2], n[3] ?? 1];
  };
  const over = (top, below) => {
    const a = top[3] + below[3] * (1 - top[3]);
    return [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / (a || 1)).concat(a);
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    let colour = [0, 0, 0, 0];
    for (let e = element; e && colour[3] < 1; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== "none") throw new Error(`text on a picture: ${e.className}`);
      colour = over(colour, parse(style.backgroundColor));
    }
    return over(colour, [255, 255, 255, 1]);
  };
  const shown = (element) => {
    if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
    if (element.closest("[inert]") || element.closest(".sr, noscript, template")) return false;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return style.clipPath === "none" && box.width > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0;
  };
  const poor = [];
  let measured = 0;
  const check = (element, colour, text) => {
    const below = ground(element), front = over(parse(colour), below);
    const [a, b] = [light(front), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    measured++;
    if (ratio < least) poor.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className} "${text.trim().slice(0, 30)}"`);
  };

  /* A modal dialog hides the rest behind its backdrop. */
  const root = document.querySelector("dialog[open]") ?? document.body;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || !shown(node.parentElement)) continue;
    let opacity = 1;
    for (let e = node.parentElement; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
    if (opacity < 1) throw new Error(`text made translucent: ${node.parentElement.className}`);
    check(node.parentElement, getComputedStyle(node.parentElement).color, node.data);
  }
  for (const field of root.querySelectorAll("input, textarea")) {
    if (!shown(field)) continue;
    check(field, getComputedStyle(field).color, field.value || "(typed text)");
    if (field.placeholder) check(field, getComputedStyle(field, "::placeholder").color, field.placeholder);
  }
  for (const icon of root.querySelectorAll("button .icon")) if (shown(icon)) check(icon.parentElement, getComputedStyle(icon).color, "(icon)");
  return { poor, measured };
}

/* What sticks out of the page, or of the conversation, to the side. */
export function overflow() {
  const found = [];
  for (const box of [document.scrollingElement, document.body, ...document.querySelectorAll(".log, .side-scroll, .people, .entry, .composer, dialog[open]")])
    if (box.clientWidth && box.scrollWidth > box.clientWidth) found.push(`${box.className || box.tagName} scrolls ${box.scrollWidth} > ${box.clientWidth}`);
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility({ checkVisibilityCSS: true }) || element.closest(".sr, svg, .skip")) continue;
    if (getComputedStyle(element).clipPath !== "none") continue;
    const box = element.getBoundingClientRect();
    if (!box.width || (box.left >= -0.5 && box.right <= innerWidth + 0.5)) continue;
    let hidden = false;
    for (let e = element.parentElement; e && !hidden; e = e.parentElement)
      hidden = getComputedStyle(e).textOverflow === "ellipsis" && getComputedStyle(e).overflowX === "hidden";
    if (!hidden) found.push(`${element.tagName}.${element.className} ${Math.round(box.left)}..${Math.round(box.right)}`);
  }
  return found;
}

/* Starts adding up layout shifts that no input caused. */
export function movement() {
  window.layoutShifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShifts += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}

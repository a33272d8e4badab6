// Facts about the page that is open, for the test in Chromium.
// Contrast is that of WCAG 2.1: (L1 + 0.05) / (L2 + 0.05), https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
// with the relative luminance of https://www.w3.org/TR/WCAG21/#dfn-relative-luminance.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, ground) => {
    const mix = (i) => top[i] * top[3] + ground[i] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const root = document.documentElement;
  const canvasColour = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    return layers.reduce((ground, layer) => over(layer, ground), canvasColour);
  };
  const faint = [];
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    // What is drawn stands on other drawings, whose colours have a test of their own.
    if (!text || element.closest("svg, script, style, noscript, template")) continue;
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    // Text that is there for readers of screens only stands beside its box, which cuts it off.
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const place = range.getBoundingClientRect();
    const isCut = getComputedStyle(element).overflowX === "hidden";
    if (isCut && (place.left >= box.right || place.right <= box.left)) continue;
    texts += 1;
    const ground = groundOf(element);
    const ink = rgba(getComputedStyle(element).color);
    for (let at = element; at; at = at.parentElement) ink[3] *= Number(getComputedStyle(at).opacity);
    const ratio = contrast(over(ink, ground), ground);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${text.slice(0, 40)}`);
  }
  const wide = [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > screen.width + 1 && !element.closest(".scroll, svg"))
    .slice(0, 5)
    .map((element) => `${element.tagName}.${element.className}`);
  return {
    lang: root.lang,
    hangul: /[\uac00-\ud7a3]/.test(document.body.innerText),
    title: document.title,
    width: root.scrollWidth,
    wide,
    ground: luminance(groundOf(document.body)),
    texts,
    faint,
  };
})()

// What is clipped, lies on something else, leaves the window or its card; one line each. A plot is
// one thing.
() => {
  const wide = document.documentElement.clientWidth
  const high = window.innerHeight
  const said = []
  const leaves = []
  const PLOT = /(^|\s)bk-(Figure|Plot|GridPlot)(\s|$)/
  const TOOLS = 30 // pixels, the line above a plot where its tools are
  const CONTROL = 'button, input, select, textarea, canvas, [role=slider], [role=combobox]'
  const kids = (node) => {
    if (node.localName === 'slot') return node.assignedElements()
    return node.shadowRoot ? [...node.shadowRoot.children] : [...node.children]
  }
  const name = (node, text) => {
    const where = node.className?.baseVal ?? node.className
    return `<${node.localName} ${where}> "${text.slice(0, 50)}"`
  }
  // the part of a box that is seen, and whether its ancestors cut it off without saying so
  const cut = (box, clips, block) => {
    let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom]
    let silent = 0
    for (const { rect, scrolls, dots, node } of clips.toReversed()) {
      // an ellipsis stands for text of the block itself, not for that of a block within
      if (!scrolls && !(dots && (!block || block === node)))
        silent = Math.max(silent, right - rect.right, rect.left - left)
      left = Math.max(left, rect.left)
      right = Math.min(right, rect.right)
      top = Math.max(top, rect.top)
      bottom = Math.min(bottom, rect.bottom)
    }
    return { left, top, right, bottom, silent }
  }
  // a plot reaches over the edge of its card, or is larger than what can be seen at once
  const escapes = (node, rect, card, text) => {
    const over = !card ? 0 : Math.max(card.left - rect.left, rect.right - card.right,
      card.top - rect.top, rect.bottom - card.bottom)
    if (over > 2) said.push(`lies ${over.toFixed(0)} px outside its card: ${name(node, text)}`)
    if (rect.width > wide + 1) said.push(`wider than the window: ${name(node, text)}`)
    if (rect.height > high + 1) said.push(`higher than the window: ${name(node, text)}`)
  }
  const walk = (node, clips, layer, card, block) => {
    if (!(node instanceof Element) || /^(style|script|template|link)$/.test(node.localName)) return
    const style = getComputedStyle(node)
    if (style.display === 'contents') { // without a box of its own: its children are in its place
      for (const child of kids(node)) walk(child, clips, layer, card, block)
      return
    }
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return
    if (style.clipPath !== 'none' || style.pointerEvents === 'none' && style.position === 'absolute')
      return // what only screen readers read, and ornaments
    const rect = node.getBoundingClientRect()
    if (style.position === 'fixed' || style.position === 'sticky') {
      layer = node
      if (style.position === 'fixed') clips = []
    }
    const figure = PLOT.test(node.className)
    const plot = figure || node.matches(CONTROL)
    if (node.classList.contains('card')) card = rect
    if (style.display !== 'inline') block = node
    if (figure && rect.width > 2 && rect.height > 2)
      escapes(node, rect, card, node.getAttribute('aria-label') ?? '')
    const texts = plot ? [] : [...node.childNodes].filter((n) => n.nodeType === 3 && n.data.trim())
    if (style.overflowX !== 'visible' && style.display !== 'inline' && node !== document.body
      && node !== document.documentElement)
      clips = [...clips, {
        rect, node, dots: style.textOverflow === 'ellipsis',
        scrolls: /auto|scroll/.test(style.overflowX),
      }]
    if (clips.at(-1)?.scrolls) card = undefined // what is scrolled within it may be larger
    if (plot || texts.length) {
      let boxes = [rect]
      let text = node.getAttribute('aria-label') ?? node.textContent
      if (texts.length) {
        const range = document.createRange()
        boxes = texts.flatMap((n) => { range.selectNodeContents(n); return [...range.getClientRects()] })
        text = texts.map((n) => n.data.trim()).join(' ')
      }
      for (const box of boxes) {
        const seen = cut(box, clips, texts.length && block)
        if (seen.right - seen.left < 2 || seen.bottom - seen.top < 2) continue
        if (seen.silent > 2) said.push(`clipped by ${seen.silent.toFixed(0)} px: ${name(node, text)}`)
        if (seen.right > wide + 1) said.push(`leaves the window: ${name(node, text)}`)
        leaves.push({ node, layer, text, ...seen })
      }
    }
    if (!plot) for (const child of kids(node)) walk(child, clips, layer, card, block)
  }
  walk(document.body, [], document.body, undefined, document.body)
  if (leaves.length < 20) said.push(`only ${leaves.length} things were seen at all`)
  if (document.scrollingElement.scrollWidth > wide + 1)
    said.push(`the page is ${document.scrollingElement.scrollWidth} px wide`)
  for (let i = 0; i < leaves.length; i++)
    for (let j = i + 1; j < leaves.length; j++) {
      const [a, b] = [leaves[i], leaves[j]]
      if (a.layer !== b.layer || a.node === b.node) continue
      // the label of an outlined field stands on the line of that field
      if ([a, b].some(({ node }) => node.matches('label'))
        && a.node.parentElement === (b.node.closest('.MuiInputBase-root') ?? b.node).parentElement)
        continue
      // buttons may stand in the line of the tools of a plot
      const [plot, other] = PLOT.test(a.node.className) ? [a, b] : [b, a]
      if (PLOT.test(plot.node.className) && other.bottom <= plot.top + TOOLS) continue
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
      if (across > 3 && down > 3)
        said.push(`${across.toFixed(0)}x${down.toFixed(0)} px on another: `
          + `${name(a.node, a.text)} and ${name(b.node, b.text)}`)
    }
  return [...new Set(said)]
}

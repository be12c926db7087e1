// What is clipped, lies on something else or leaves the window; one line each. A plot is one thing.
() => {
  const wide = document.documentElement.clientWidth
  const said = []
  const leaves = []
  const PLOT = /(^|\s)bk-(Figure|Plot|GridPlot)(\s|$)/
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
  const cut = (box, clips) => {
    let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom]
    let silent = 0
    for (const { rect, scrolls, dots } of clips) {
      if (!scrolls && !dots)
        silent = Math.max(silent, right - rect.right, rect.left - left)
      left = Math.max(left, rect.left)
      right = Math.min(right, rect.right)
      top = Math.max(top, rect.top)
      bottom = Math.min(bottom, rect.bottom)
    }
    return { left, top, right, bottom, silent }
  }
  const walk = (node, clips, layer) => {
    if (!(node instanceof Element) || /^(style|script|template|link)$/.test(node.localName)) return
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return
    const style = getComputedStyle(node)
    if (style.clipPath !== 'none' || style.pointerEvents === 'none' && style.position === 'absolute')
      return // what only screen readers read, and ornaments
    const rect = node.getBoundingClientRect()
    if (style.position === 'fixed' || style.position === 'sticky') {
      layer = node
      if (style.position === 'fixed') clips = []
    }
    const plot = PLOT.test(node.className) || node.matches(CONTROL)
    const texts = plot ? [] : [...node.childNodes].filter((n) => n.nodeType === 3 && n.data.trim())
    if (style.overflowX !== 'visible' && style.display !== 'inline' && node !== document.body
      && node !== document.documentElement)
      clips = [...clips, {
        rect, dots: style.textOverflow === 'ellipsis',
        scrolls: /auto|scroll/.test(style.overflowX),
      }]
    if (plot || texts.length) {
      let boxes = [rect]
      let text = node.getAttribute('aria-label') ?? node.textContent
      if (texts.length) {
        const range = document.createRange()
        boxes = texts.flatMap((n) => { range.selectNodeContents(n); return [...range.getClientRects()] })
        text = texts.map((n) => n.data.trim()).join(' ')
      }
      for (const box of boxes) {
        const seen = cut(box, clips)
        if (seen.right - seen.left < 2 || seen.bottom - seen.top < 2) continue
        if (seen.silent > 2) said.push(`clipped by ${seen.silent.toFixed(0)} px: ${name(node, text)}`)
        if (seen.right > wide + 1) said.push(`leaves the window: ${name(node, text)}`)
        leaves.push({ node, layer, text, ...seen })
      }
    }
    if (!plot) for (const child of kids(node)) walk(child, clips, layer)
  }
  walk(document.body, [], document.body)
  if (document.scrollingElement.scrollWidth > wide + 1)
    said.push(`the page is ${document.scrollingElement.scrollWidth} px wide`)
  for (let i = 0; i < leaves.length; i++)
    for (let j = i + 1; j < leaves.length; j++) {
      const [a, b] = [leaves[i], leaves[j]]
      if (a.layer !== b.layer || a.node === b.node) continue
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
      if (across > 3 && down > 3)
        said.push(`${across.toFixed(0)}x${down.toFixed(0)} px on another: `
          + `${name(a.node, a.text)} and ${name(b.node, b.text)}`)
    }
  return [...new Set(said)]
}

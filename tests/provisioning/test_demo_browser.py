"""What the browser of the demo reads on a page."""

from __future__ import annotations

from provisioning.demo.browser import Page

PAGE = """<!doctype html>
<html lang="zh-Hant"><head><title>一卡通 &amp; 門</title><style>td > b { color: red }</style></head>
<body data-live-from="1"><!-- <a href="/hidden">not there</a> -->
<a href="/doors?a=1&amp;b=2">Doors &lt;all&gt;</a> <a name=here>no link</a>
<script type="application/json">{"html": "<a href='/no'>no</a>"}</script>
<dl><dt>Status</dt><dd><span title="a > b">On&shy;line</span></dd><dt>Not  delivered</dt><dd> 0 </dd></dl>
<progress value="3" max="7"></progress><progress value="1" max="2"></progress>
<table><tr id="events-12"><td>1 &#20803;<br/>each</td><td><a href="/people/5">林 <b>小明</b></a></td><th>x</th></tr>
<tr><td><table><tr><td>inner</td></tr></table></td></tr></table>
<form action='/cards/1/lose' method=POST><input type="hidden" name="csrf" value="a&quot;b"><input name=empty>
<input type="checkbox" name="levels" value="1" checked><input type="checkbox" name="levels" value="2">
<input type="radio" name="kind" value="x" CHECKED /><input type="checkbox" name="off" value="1">
<select name="site"><option value="1">one<option value="2" selected>two</select>
<select name="first"><option value="">none</option><option value="9">nine</option></select></form>
<FORM action="/search"><input name="q" value="1 < 2"></FORM></body></html>"""


def test_a_page_is_read() -> None:
    """Planted breaks: comments read; scripts read; references left as they are; a value ends with a ``>`` inside it."""
    page = Page(200, "/x", PAGE)
    assert page.language == "zh-Hant"
    assert page.links == ["/doors?a=1&b=2", "/people/5"]
    assert page.words.startswith("一卡通 & 門 Doors <all> no link Status On\xadline Not delivered 0 1 元")
    assert "color" not in page.words
    assert page.facts == {"Status": "On\xadline", "Not delivered": "0"}
    assert page.progress == (3, 7)
    assert [(row.id, row.cells, row.links) for row in page.rows] == [
        ("events-12", ["1 元each", "林 小明", "x"], ["/people/5"]),
        ("", [], []),
        ("", ["inner"], []),
    ]


def test_forms_are_read() -> None:
    """Planted breaks: boxes that are not ticked count as sent; the first choice counts although another is selected."""
    lose, search = Page(200, "/x", PAGE).forms
    assert (lose.action, lose.method) == ("/cards/1/lose", "post")
    assert lose.fields == {
        "csrf": 'a"b',
        "empty": "",
        "levels": "1",
        "kind": "x",
        "site": "2",
        "first": "",
    }
    assert lose.options == {
        "levels": ["1", "2"],
        "kind": ["x"],
        "off": ["1"],
        "site": ["1", "2"],
        "first": ["", "9"],
    }
    assert lose.ticked == {"levels": ["1"], "kind": ["x"]}
    assert (search.action, search.method, search.fields) == ("/search", "get", {"q": "1 < 2"})

/*
 * cli/waterfall.c - see waterfall.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/waterfall.h"

#include "cli/number_text.h"
#include "cli/report.h"

#include <math.h>
#include <string.h>

#define IN_WORDS 3u               /* columns that are named                        */
#define BAR      36               /* characters                                    */

/* "+0.41": a few digits with a sign. */
static const char *signed_text(char out[NUMBER_TEXT], double v)
{
    char digits[NUMBER_TEXT];

    cli_brief_text(digits, v);
    snprintf(out, NUMBER_TEXT, "%s%.*s", v < 0 || v != v ? "" : "+", (int)NUMBER_TEXT - 2, digits);
    return out;
}

/* What is added, and what to call it; `at` runs to w->n, and one further for the others. */
static size_t steps_of(const struct waterfall *w)
{
    return w->n + (w->others != 0);
}

static double added(const struct waterfall *w, size_t at)
{
    return at < w->n ? w->steps[at].adds : w->others_add;
}

static const char *label(const struct waterfall *w, size_t at, char *out, size_t room)
{
    char count[32];

    if (at < w->n)
        return w->steps[at].label;
    snprintf(out, room, "%s other column%s", cli_count_text(count, w->others),
             w->others == 1 ? "" : "s");
    return out;
}

/* Where the sums have been: from *low to *high. */
static void reach(const struct waterfall *w, double *low, double *high)
{
    double sum = w->base;

    *low = *high = sum;
    for (size_t i = 0; i < steps_of(w); i++) {
        sum += added(w, i);
        *low = sum < *low ? sum : *low;
        *high = sum > *high ? sum : *high;
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static void say_most(FILE *to, const struct waterfall *w, int up)
{
    char number[NUMBER_TEXT];
    size_t said = 0;

    for (size_t i = 0; i < w->n && said < IN_WORDS; i++) {
        if (up ? !(w->steps[i].adds > 0) : !(w->steps[i].adds < 0))
            continue;
        fputs(said ? ", " : up ? "It is raised most by " : "It is lowered most by ", to);
        cli_put_text(to, w->steps[i].label);
        fprintf(to, " (%s)", signed_text(number, w->steps[i].adds));
        said++;
    }
    if (said)
        fputs(".\n", to);
}

void cli_waterfall_words(FILE *to, const struct waterfall *w)
{
    char base[NUMBER_TEXT], margin[NUMBER_TEXT], change[NUMBER_TEXT];

    cli_put_text(to, w->title);
    fprintf(to, ": the margin is %s, %s from the %s expected without a row.\n",
            cli_brief_text(margin, w->margin), signed_text(change, w->margin - w->base),
            cli_brief_text(base, w->base));
    say_most(to, w, 1);
    say_most(to, w, 0);
    if (w->answer[0]) {
        cli_put_text(to, w->answer);
        fputc('\n', to);
    }
}

/* ---- bars ------------------------------------------------------------------------------------ */

/* Position 0 .. BAR - 1 of a sum. */
static int place(double v, double low, double high)
{
    const double at = high > low ? (v - low) / (high - low) * (BAR - 1) + 0.5 : 0;

    return at > 0 && at < BAR ? (int)at : at >= BAR ? BAR - 1 : 0;
}

static void line(FILE *to, const char *text, size_t width, const char *number, const char *bar)
{
    size_t used;

    fputs("  ", to);
    for (used = cli_put_text(to, text); used < width; used++)
        fputc(' ', to);
    fprintf(to, *bar ? "  %9s  %s\n" : "  %9s%s\n", number, bar);
}

void cli_waterfall_bars(FILE *to, const struct waterfall *w)
{
    char text[64], number[NUMBER_TEXT], bar[BAR + 1];
    double low, high, sum = w->base;
    size_t width = strlen("expected without a row");

    reach(w, &low, &high);
    for (size_t i = 0; i < steps_of(w); i++) {
        const size_t n = strlen(label(w, i, text, sizeof text));
        width = n > width ? n : width;
    }
    line(to, "expected without a row", width, cli_brief_text(number, w->base), "");
    for (size_t i = 0; i < steps_of(w); i++) {
        const double next = sum + added(w, i);
        const int from = place(sum, low, high), end = place(next, low, high);
        memset(bar, ' ', BAR);
        bar[BAR] = '\0';
        for (int k = from < end ? from : end; k <= (from < end ? end : from); k++)
            bar[k] = '=';
        bar[end] = next > sum ? '>' : next < sum ? '<' : '|';
        for (size_t k = BAR; k-- > 0 && bar[k] == ' ';)
            bar[k] = '\0';
        line(to, label(w, i, text, sizeof text), width, signed_text(number, added(w, i)), bar);
        sum = next;
    }
    line(to, "margin", width, cli_brief_text(number, w->margin), "");
}

/* ---- a picture ------------------------------------------------------------------------------- */

#define LINE   26                 /* pixels: a step, the bars' left edge and width, a margin */
#define LEFT   300
#define WIDE   420
#define EDGE   16

static void text_at(FILE *to, double x, double y, const char *anchor, const char *text)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    cli_put_xml(to, text);
    fputs("</text>\n", to);
}

void cli_waterfall_svg(FILE *to, const struct waterfall *w)
{
    const size_t n = steps_of(w);
    char text[64], number[NUMBER_TEXT], more[2 * NUMBER_TEXT];
    double low, high, sum = w->base;

    reach(w, &low, &high);
    const double scale = high > low ? WIDE / (high - low) : 0;
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<style>text{fill:#222}"
            "path{stroke:#999}.up{fill:#c8463a}.down{fill:#3a76b8}@media(prefers-color-scheme:dark)"
            "{text{fill:#ddd}path{stroke:#666}}</style>\n", LEFT + WIDE + 120, (int)(n + 4) * LINE);
    text_at(to, EDGE, LINE, "start", w->title);
    snprintf(more, sizeof more, "expected %s", cli_brief_text(number, w->base));
    text_at(to, LEFT + (w->base - low) * scale, 2 * LINE, "middle", more);
    for (size_t i = 0; i < n; i++) {
        const double next = sum + added(w, i), y = (double)(i + 2) * LINE + 8;
        const double from = LEFT + (sum - low) * scale, end = LEFT + (next - low) * scale;
        const double x = from < end ? from : end, width = from < end ? end - from : from - end;
        text_at(to, LEFT - EDGE, y + LINE - 12, "end", label(w, i, text, sizeof text));
        fprintf(to, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>"
                "<path d=\"M%.1f %.1fv%d\"/>\n", next < sum ? "down" : "up", x, y,
                width > 1 ? width : 1, LINE - 8, end, y, LINE);
        text_at(to, x + (width > 1 ? width : 1) + 6, y + LINE - 12, "start",
                signed_text(number, added(w, i)));
        sum = next;
    }
    snprintf(more, sizeof more, "margin %s", cli_brief_text(number, w->margin));
    text_at(to, LEFT + (w->margin - low) * scale, (double)(n + 3) * LINE, "middle", more);
    fputs("</svg>\n", to);
}

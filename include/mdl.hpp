/*
 * mdl.hpp - libmodel for C++11 and later: header only, over mdl.h
 *
 *     mdl::model m = mdl::model::load("model.mdl");
 *     std::vector<float> y = m.predict(x);           // x: vector, array, span, ...
 *     m.predict(x, leaves, MDL_OUTPUT_LEAF);         // into memory of yours
 *
 * A model owns its handle: it moves and does not copy.  Const calls may come from
 * any number of threads at once.  Rows lie one after the other, row-major.
 *
 * Failing calls throw mdl::error.  Each has a try_ twin that returns a status
 * instead; with MDL_NO_EXCEPTIONS (or -fno-exceptions) the twins are all there is.
 *
 * Only C crosses the library's border: any compiler and standard library will do.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_HPP
#define MDL_HPP

#include "mdl.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(MDL_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) \
    && !defined(_CPPUNWIND)
#  define MDL_NO_EXCEPTIONS 1
#endif
#ifndef MDL_NO_EXCEPTIONS
#  include <exception>
#endif

namespace mdl {

/* ---- memory of the caller -------------------------------------------------- */

/* `size` elements somewhere; std::span, vector, array and C arrays convert to it. */
template <class T> class span {
public:
    span() noexcept : data_(nullptr), size_(0) {}
    span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N> span(T (&a)[N]) noexcept : data_(a), size_(N) {}
    template <class C,
              class = typename std::enable_if<std::is_convertible<
                  decltype(std::declval<C &>().data()), T *>::value>::type,
              class = decltype(std::declval<C &>().size())>
    span(C &&c) noexcept : data_(c.data()), size_(static_cast<std::size_t>(c.size())) {}

    T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    T *begin() const noexcept { return data_; }
    T *end() const noexcept { return data_ + size_; }
    T &operator[](std::size_t i) const noexcept { return data_[i]; }

private:
    T *data_;
    std::size_t size_;
};

template <class T> struct type_of;
template <> struct type_of<float> { static constexpr std::uint32_t value = MDL_F32; };
template <> struct type_of<double> { static constexpr std::uint32_t value = MDL_F64; };
template <> struct type_of<std::int32_t> { static constexpr std::uint32_t value = MDL_I32; };
template <> struct type_of<std::int64_t> { static constexpr std::uint32_t value = MDL_I64; };

/* A packed table for mdl_predict_tensor and mdl_run; `data` is only read when the
 * table is an input. */
template <class T>
mdl_tensor table(T *data, std::size_t rows, std::size_t cols, const char *name = nullptr) noexcept
{
    mdl_tensor t = mdl_tensor();

    t.size = static_cast<std::uint32_t>(sizeof t);
    t.type = type_of<typename std::remove_const<T>::type>::value;
    t.rank = 2;
    t.name = name;
    t.data = const_cast<void *>(static_cast<const void *>(data));
    t.dims[0] = static_cast<std::int64_t>(rows);
    t.dims[1] = static_cast<std::int64_t>(cols);
    return t;
}

/* ---- errors ------------------------------------------------------------------ */

inline mdl_error no_error() noexcept
{
    mdl_error e = MDL_ERROR_INIT;
    return e;
}

namespace detail {

inline mdl_status refuse(mdl_error *error, mdl_status status, const char *text) noexcept
{
    std::size_t i = 0;

    if (!error)
        return status;
    error->code = status;
    error->offset = MDL_NO_OFFSET;
    error->section[0] = '\0';
    for (; text[i] && i + 1 < sizeof error->text; i++)
        error->text[i] = text[i];
    error->text[i] = '\0';
    return status;
}

}  // namespace detail

#ifndef MDL_NO_EXCEPTIONS
class error : public std::exception {
public:
    explicit error(const mdl_error &e) noexcept : e_(e) {}

    const char *what() const noexcept override
    {
        return e_.text[0] ? e_.text : mdl_strerror(e_.code);
    }
    mdl_status status() const noexcept { return e_.code; }
    const char *section() const noexcept { return e_.section; }      /* "" if none        */
    std::uint64_t offset() const noexcept { return e_.offset; }      /* or MDL_NO_OFFSET  */

private:
    mdl_error e_;
};

namespace detail {

inline void check(mdl_status status, mdl_error &e)
{
    if (!status)
        return;
    e.code = status;
    throw error(e);
}

}  // namespace detail
#endif

/* ---- a model --------------------------------------------------------------------- */

class model {
public:
    model() noexcept : m_(nullptr) {}
    explicit model(mdl_model *owned) noexcept : m_(owned) {}
    model(model &&other) noexcept : m_(other.release()) {}
    model &operator=(model &&other) noexcept
    {
        if (this != &other) {
            mdl_free(m_);
            m_ = other.release();
        }
        return *this;
    }
    model(const model &) = delete;
    model &operator=(const model &) = delete;
    ~model() { mdl_free(m_); }

    explicit operator bool() const noexcept { return m_ != nullptr; }
    const mdl_model *get() const noexcept { return m_; }
    mdl_model *release() noexcept
    {
        mdl_model *m = m_;

        m_ = nullptr;
        return m;
    }

    /* Load from a file or from bytes in memory; what *this held is freed.  On failure
     * *this is empty. */
    mdl_status try_load(const char *path, const mdl_load_options *options = nullptr,
                        mdl_error *e = nullptr) noexcept
    {
        mdl_free(release());
        return mdl_load(&m_, path, options, e);
    }
    mdl_status try_load_memory(const void *bytes, std::size_t size,
                               const mdl_load_options *options = nullptr,
                               mdl_error *e = nullptr) noexcept
    {
        mdl_free(release());
        return mdl_load_memory(&m_, bytes, size, options, e);
    }

    /* Predict into y, the main output: as many rows as x holds.  y must fit exactly. */
    mdl_status try_predict(span<const float> x, span<float> y, mdl_error *e = nullptr) const noexcept
    {
        std::size_t rows = 0;
        const mdl_status s = rows_of(x.size(), y.size(), output_cols(), &rows, e);

        return s ? s : said(mdl_predict(m_, x.data(), rows, y.data()), e);
    }
    mdl_status try_predict(span<const double> x, span<double> y,
                           mdl_error *e = nullptr) const noexcept
    {
        std::size_t rows = 0;
        const mdl_status s = rows_of(x.size(), y.size(), output_cols(), &rows, e);

        return s ? s : said(mdl_predict_f64(m_, x.data(), rows, y.data()), e);
    }

    /* Another output, a range of trees, stages ([stages, rows, columns]), an early stop, a context:
     * x is float or double; y is float, double, int32_t or int64_t. */
    template <class X, class Y>
    mdl_status try_predict(const X &x, Y &&y, const mdl_predict_options &options,
                           mdl_error *e = nullptr) const noexcept
    {
        std::size_t rows = 0, cols = 0;
        mdl_status s = mdl_output_shape(m_, &options, &cols, e);

        const std::size_t n = options.stage_every
            ? static_cast<std::size_t>(mdl_stages(m_, &options)) : 1;
        if (!s) s = rows_of(view(x).size(), view(y).size(), cols * n, &rows, e);
        if (s)
            return s;
        const mdl_tensor in = table(view(x).data(), rows, input_cols());
        mdl_tensor out = table(view(y).data(), rows, cols);
        if (options.stage_every) {
            out.rank = 3;
            out.dims[0] = static_cast<std::int64_t>(n);
            out.dims[1] = static_cast<std::int64_t>(rows);
            out.dims[2] = static_cast<std::int64_t>(cols);
        }
        return mdl_predict_tensor(m_, &in, &out, &options, e);
    }

#ifndef MDL_NO_EXCEPTIONS
    static model load(const char *path, const mdl_load_options *options = nullptr)
    {
        model m;
        mdl_error e = no_error();

        detail::check(m.try_load(path, options, &e), e);
        return m;
    }
    static model load_memory(const void *bytes, std::size_t size,
                             const mdl_load_options *options = nullptr)
    {
        model m;
        mdl_error e = no_error();

        detail::check(m.try_load_memory(bytes, size, options, &e), e);
        return m;
    }

    void predict(span<const float> x, span<float> y) const
    {
        mdl_error e = no_error();

        detail::check(try_predict(x, y, &e), e);
    }
    void predict(span<const double> x, span<double> y) const
    {
        mdl_error e = no_error();

        detail::check(try_predict(x, y, &e), e);
    }
    template <class X, class Y>
    void predict(const X &x, Y &&y, const mdl_predict_options &options) const
    {
        mdl_error e = no_error();

        detail::check(try_predict(x, y, options, &e), e);
    }
    /* An output by role (MDL_OUTPUT_LEAF) or by name. */
    template <class X, class Y> void predict(const X &x, Y &&y, std::uint32_t role) const
    {
        predict(x, y, select(role));
    }
    template <class X, class Y> void predict(const X &x, Y &&y, const char *output) const
    {
        predict(x, y, select(output));
    }

    /* The main output in new memory. */
    std::vector<float> predict(span<const float> x) const { return predict_new<float>(x); }
    std::vector<double> predict(span<const double> x) const { return predict_new<double>(x); }
#endif

    /* Options that pick an output. */
    static mdl_predict_options select(std::uint32_t role) noexcept
    {
        mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

        o.output = role;
        return o;
    }
    static mdl_predict_options select(const char *output) noexcept
    {
        mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

        o.output_name = output;
        return o;
    }

    /* What the model is; strings live as long as it does. */
    std::size_t input_cols() const noexcept { return mdl_input_cols(m_); }
    std::size_t output_cols() const noexcept { return mdl_output_cols(m_); }
    std::size_t inputs() const noexcept { return mdl_input_count(m_); }
    std::size_t outputs() const noexcept { return mdl_output_count(m_); }
    mdl_input_info input(std::size_t i) const noexcept
    {
        mdl_input_info info = mdl_input_info();

        info.size = static_cast<std::uint32_t>(sizeof info);
        return mdl_input(m_, i, &info) ? mdl_input_info() : info;
    }
    mdl_output_info output(std::size_t i) const noexcept
    {
        mdl_output_info info = mdl_output_info();

        info.size = static_cast<std::uint32_t>(sizeof info);
        return mdl_output(m_, i, &info) ? mdl_output_info() : info;
    }
    mdl_column_info column(std::size_t i, std::size_t of_input = 0) const noexcept
    {
        mdl_column_info info = mdl_column_info();

        info.size = static_cast<std::uint32_t>(sizeof info);
        return mdl_column(m_, of_input, i, &info) ? mdl_column_info() : info;
    }
    /* Positions, or SIZE_MAX. */
    std::size_t find_output(const char *name) const noexcept { return mdl_output_find(m_, name); }
    std::size_t find_output(std::uint32_t role) const noexcept
    {
        return mdl_output_find_role(m_, role);
    }
    std::size_t find_column(const char *name, std::size_t of_input = 0) const noexcept
    {
        return mdl_column_find(m_, of_input, name);
    }
    /* Texts, or nullptr. */
    const char *category(std::size_t column, std::size_t i, std::size_t of_input = 0) const noexcept
    {
        return mdl_category(m_, of_input, column, i);
    }
    /* What a cell of a category column holds for a text. */
    mdl_status category_code(std::size_t column, const char *text, double &code,
                             std::size_t of_input = 0) const noexcept
    {
        return mdl_category_code(m_, of_input, column, text, &code);
    }
    const char *label(std::size_t output, std::size_t i) const noexcept
    {
        return mdl_label(m_, output, i);
    }
    const char *metadata(const char *key) const noexcept { return mdl_metadata_get(m_, key); }
    std::size_t metadata_count() const noexcept { return mdl_metadata_count(m_); }
    std::pair<const char *, const char *> metadata(std::size_t i) const noexcept
    {
        std::pair<const char *, const char *> p(nullptr, nullptr);

        mdl_metadata(m_, i, &p.first, &p.second);
        return p;
    }
    const char *isa() const noexcept { return mdl_isa(m_); }

private:
    /* Rows in x, if x and y hold whole rows and equally many. */
    mdl_status rows_of(std::size_t x, std::size_t y, std::size_t y_cols, std::size_t *rows,
                       mdl_error *e) const noexcept
    {
        const std::size_t cols = input_cols();

        if (!m_)
            return detail::refuse(e, MDL_ERR_ARGUMENT, "the model is empty");
        if (x % cols)
            return detail::refuse(e, MDL_ERR_DATA, "x does not hold whole rows of input_cols()");
        *rows = x / cols;
        if (y / y_cols != *rows || y % y_cols)
            return detail::refuse(e, MDL_ERR_DATA, "y must hold one row of results per row of x");
        return MDL_OK;
    }

    /* The simple calls of mdl.h have no text of their own. */
    static mdl_status said(mdl_status s, mdl_error *e) noexcept
    {
        return s ? detail::refuse(e, s, mdl_strerror(s)) : s;
    }

    template <class C>
    static auto view(C &c) noexcept
        -> span<typename std::remove_pointer<decltype(c.data())>::type>
    {
        return span<typename std::remove_pointer<decltype(c.data())>::type>(
            c.data(), static_cast<std::size_t>(c.size()));
    }
    template <class T, std::size_t N> static span<T> view(T (&a)[N]) noexcept
    {
        return span<T>(a, N);
    }

#ifndef MDL_NO_EXCEPTIONS
    template <class T> std::vector<T> predict_new(span<const T> x) const
    {
        const std::size_t cols = input_cols();
        std::vector<T> y((cols ? x.size() / cols : 0) * output_cols());

        predict(x, span<T>(y.data(), y.size()));
        return y;
    }
#endif

    mdl_model *m_;
};

/* ---- threads -------------------------------------------------------------------------- */

/* A pool for options.parallel, of a call or a load; get() is nullptr if it could not be made:
 *
 *     mdl::pool pool(4);                     // 0: one thread for each processor
 *     mdl_predict_options o = mdl::model::select(MDL_OUTPUT_RAW);
 *     o.parallel = pool.get();
 *     m.predict(x, y, o);
 */
class pool {
public:
    pool() noexcept : p_(nullptr) {}
#ifndef MDL_NO_EXCEPTIONS
    explicit pool(std::uint32_t threads) : p_(nullptr)
    {
        mdl_error e = no_error();

        detail::check(try_create(threads, &e), e);
    }
#endif
    pool(pool &&other) noexcept : p_(other.p_) { other.p_ = nullptr; }
    pool &operator=(pool &&other) noexcept
    {
        std::swap(p_, other.p_);
        return *this;
    }
    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;
    ~pool() { mdl_pool_free(p_); }

    /* What *this held is freed; on failure it is empty. */
    mdl_status try_create(std::uint32_t threads, mdl_error *e = nullptr) noexcept
    {
        mdl_pool_free(p_);
        return mdl_pool_create(&p_, threads, nullptr, e);
    }

    explicit operator bool() const noexcept { return p_ != nullptr; }
    const mdl_parallel *get() const noexcept { return mdl_pool_parallel(p_); }

private:
    mdl_pool *p_;
};

/* ---- explaining ------------------------------------------------------------------------ */

/*
 * What each column adds to the margin (mdl_explain in mdl.h).  The model outlives it.
 *
 *     mdl::explainer e(m);
 *     std::vector<double> v(e.size(rows));        // [rows][outputs][columns + 1]
 *     e.explain(x, v);
 */
class explainer {
public:
    explainer() noexcept : e_(nullptr), cols_(0) {}
#ifndef MDL_NO_EXCEPTIONS
    explicit explainer(const model &m, const mdl_explain_options *options = nullptr)
        : e_(nullptr), cols_(0)
    {
        mdl_error e = no_error();

        detail::check(try_create(m, options, &e), e);
    }
    /* Rows of float or double, packed; values of size(rows). */
    template <class X> void explain(const X &x, span<double> values) const
    {
        mdl_error e = no_error();

        detail::check(try_explain(x, values, &e), e);
    }
#endif
    explainer(explainer &&other) noexcept : e_(other.e_), cols_(other.cols_) { other.e_ = nullptr; }
    explainer &operator=(explainer &&other) noexcept
    {
        std::swap(e_, other.e_);
        std::swap(cols_, other.cols_);
        return *this;
    }
    explainer(const explainer &) = delete;
    explainer &operator=(const explainer &) = delete;
    ~explainer() { mdl_explainer_free(e_); }

    /* What *this held is freed; on failure it is empty. */
    mdl_status try_create(const model &m, const mdl_explain_options *options = nullptr,
                          mdl_error *e = nullptr) noexcept
    {
        mdl_explainer_free(e_);
        cols_ = m.input_cols();
        return mdl_explainer_create(&e_, m.get(), options, e);
    }
    template <class X>
    mdl_status try_explain(const X &x, span<double> values, mdl_error *e = nullptr) const noexcept
    {
        const std::size_t rows = cols_ ? x.size() / cols_ : 0;
        mdl_tensor v = shape(rows);

        if (!e_ || rows * cols_ != x.size() || values.size() != size(rows))
            return detail::refuse(e, MDL_ERR_DATA, "x and values are not of that many rows");
        const mdl_tensor in = table(x.data(), rows, cols_);
        v.data = values.data();
        return mdl_explain(e_, &in, &v, e);
    }

    explicit operator bool() const noexcept { return e_ != nullptr; }
    mdl_explainer *get() const noexcept { return e_; }
    mdl_tensor shape(std::size_t rows) const noexcept
    {
        mdl_tensor v = mdl_tensor();

        v.size = static_cast<std::uint32_t>(sizeof v);
        mdl_explain_shape(e_, rows, &v);
        return v;
    }
    /* Numbers in the values of so many rows. */
    std::size_t size(std::size_t rows) const noexcept
    {
        const mdl_tensor v = shape(rows);
        std::size_t n = v.rank ? 1 : 0;

        for (std::uint32_t i = 0; i < v.rank; i++)
            n *= static_cast<std::size_t>(v.dims[i]);
        return n;
    }
    /* Of the columns that values are for; nullptr beyond the last. */
    const char *column(std::size_t i) const noexcept { return mdl_explain_column(e_, i); }

private:
    mdl_explainer *e_;
    std::size_t cols_;
};

/* ---- scratch memory ------------------------------------------------------------------ */

/* A call given get() as options.context allocates nothing.  One thread at a time; the
 * model outlives it. */
class context {
public:
    explicit context(const model &m, std::size_t rows = 0)
        : memory_(m ? mdl_context_bytes(m.get(), rows) : 0),
          c_(m ? mdl_context_init(m.get(), rows, memory_.data(), memory_.size()) : nullptr)
    {
    }
    context(const context &) = delete;
    context &operator=(const context &) = delete;

    mdl_context *get() const noexcept { return c_; }

private:
    std::vector<unsigned char> memory_;
    mdl_context *c_;
};

}  // namespace mdl

#endif

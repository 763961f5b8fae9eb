//! Invented people.

use crate::dice::Dice;

const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔";
const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红飞燕海波斌志峰松文雪琳浩俊凯阳冬梅春光辉健康宁山川雨云帆楠倩颖蓉慧力建国庆";

/// One invented person.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    /// As it should be: eleven digits. No two people share one.
    pub phone: String,
}

/// Makes people up.
#[derive(Default)]
pub struct People {
    made: usize,
}

impl People {
    /// The next person. Numbers begin with 154, which no operator gives out.
    pub fn person(&mut self, dice: &mut Dice) -> Person {
        // 7919 has no factor in common with 10^8: the number runs through all endings before it repeats.
        let ending = (self.made * 7919 + 10_000_019) % 100_000_000;
        self.made += 1;
        Person { name: name(dice), phone: format!("154{ending:08}") }
    }
}

fn name(dice: &mut Dice) -> String {
    let surnames: Vec<char> = SURNAMES.chars().collect();
    let given: Vec<char> = GIVEN.chars().collect();
    let count = if dice.happens(25) { 1 } else { 2 };
    std::iter::once(dice.one(&surnames)).chain((0..count).map(|_| dice.one(&given))).collect()
}
